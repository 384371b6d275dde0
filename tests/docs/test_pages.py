"""The pages agree with the repository: links lead somewhere, pictures are used, options are described."""

import re
from pathlib import Path

import pytest

from inference_backend.cli.arguments import build_parser

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "tests" / "sample" / "README.md"])


def links(page):
    return re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))


def anchors(page):
    """Of its headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    lost = []
    for link in links(page):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


def test_every_page_and_picture_is_linked_and_small():
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in PAGES for link in links(page)}
    pictures = [*ROOT.glob("docs/images/*")]
    assert [path.name for path in [*pictures, *ROOT.glob("docs/*.md")] if path not in linked] == []
    assert [path.name for path in pictures if path.stat().st_size > 300_000] == []


def test_every_option_is_described(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["recover", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--out"}
    assert {"--estimator", "--smoothing"} <= options
    described = set(re.findall(r"--[a-z-]+", (ROOT / "docs" / "backend.md").read_text(encoding="utf-8")))
    assert options - described == set()


def test_every_source_file_and_module_that_is_named_exists():
    packages = [ROOT / name for name in ("addon", "inference_backend", "tests")]
    sources = [f"/{path.relative_to(ROOT).as_posix()}" for package in packages for path in package.rglob("*.py")]
    code = "\n".join(_code(page) for page in PAGES)
    named = set(re.findall(r"(?<![\w./])[\w/]+\.py\b", code))
    assert {"solver.py", "pipeline/recover.py"} <= named
    assert [name for name in named if not any(source.endswith(f"/{name}") for source in sources)] == []
    modules = {name.replace(".", "/") for name in re.findall(r"-m ((?:inference_backend|tests)[\w.]*)", code)}
    assert "inference_backend/training" in modules
    assert [name for name in modules if not {f"/{name}.py", f"/{name}/__main__.py"} & set(sources)] == []


def test_every_make_target_that_is_named_exists():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = {target for page in PAGES for target in re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)", _code(page))}
    assert {"demo", "test"} <= named
    assert named - set(targets) == set()


def _code(page):
    """What a page shows as code: in backticks, or indented."""
    text = page.read_text(encoding="utf-8")
    return "\n".join([*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^    .*", text, re.MULTILINE)])
