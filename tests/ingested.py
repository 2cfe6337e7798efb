"""Files to ingest, and what became of them."""

import io

from django.core.management import CommandError, call_command


def ingest(*args, **options):
    """Run the command; return summary, problems, and whether it failed."""
    out, err = io.StringIO(), io.StringIO()
    failed = False
    try:
        call_command("ingest", *map(str, args), stdout=out, stderr=err, **options)
    except CommandError:
        failed = True
    return out.getvalue().strip(), err.getvalue().splitlines(), failed


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path = path.with_name(path.name.replace("_md", ".md").replace("_csv", ".csv").replace("_txt", ".txt"))
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


LONG = "# Trains\n\n" + "".join(f"The train number {number} leaves at noon. " for number in range(60))
