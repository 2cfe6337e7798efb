"""`python -m deploy.grafana.build` writes the files; with `--check` it only says which are not current."""

import argparse
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
django.setup()  # alert rules are the site's; stating them needs its models, though no database

from deploy.grafana.build.files import FOLDER, files, outdated  # noqa: E402 # after Django is set up


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when a file is not current")
    if parser.parse_args().check:
        for path in (old := outdated()):
            sys.stderr.write(f"{path.relative_to(FOLDER)} is not current: run python -m deploy.grafana.build\n")
        return bool(old)
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
