"""Every word people read exists in simplified and traditional Chinese, and no template has a word outside the catalogue."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
import unfold
from django.utils import translation
from django.utils.translation.template import templatize

PROJECT = Path(__file__).resolve().parents[2]
LOCALES = PROJECT / "citizencard" / "locale"
LANGUAGES = {"zh_Hans": "zh-hans", "zh_Hant": "zh-hant"}
# A language is called by its own name in every language.
OWN_NAMES = {"简体", "繁體", "English"}
CODE = re.compile(r"\{% blocktranslate.*?endblocktranslate %\}|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.S)
ENTRY = re.compile(
    r'(?P<flags>(?:^#.*\n)*)(?:^msgctxt "(?P<context>.*)"\n)?^msgid (?P<id>(?:".*"\n)+)^msgstr (?P<text>(?:".*"\n?)+)',
    re.M,
)
KEYWORDS = ("gettext_noop", "gettext_lazy", "ngettext_lazy:1,2", "pgettext:1c,2", "pgettext_lazy:1c,2", "npgettext:1c,2,3",
    "_", "gettext", "ngettext:1,2")  # fmt: skip
MARKED = re.compile(r"""\{%-?\s*(?:trans|translate)\s+(?:"([^"]+)"|'([^']+)')""")


def plain(quoted: str) -> str:
    return "".join(line[1:-1] for line in quoted.strip().splitlines())


def entries(locale: str) -> list[dict[str, str]]:
    text = (LOCALES / locale / "LC_MESSAGES" / "django.po").read_text()
    found = [match.groupdict() for match in ENTRY.finditer(text)]
    return [
        {**each, "id": plain(each["id"]), "text": plain(each["text"])} for each in found if plain(each["id"])
    ]


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_message_is_translated_and_none_is_doubtful(locale: str) -> None:
    catalogue = entries(locale)
    assert len(catalogue) > 300
    assert [each["id"] for each in catalogue if not each["text"]] == []
    assert [each["id"] for each in catalogue if "fuzzy" in each["flags"]] == []


@pytest.mark.parametrize("locale", LANGUAGES)
def test_placeholders_survive_translation(locale: str) -> None:
    for each in entries(locale):
        names = [sorted(re.findall(r"%\(\w+\)[sd]|¥|%%", each[side])) for side in ("id", "text")]
        assert names[0] == names[1], each["id"]


def test_traditional_is_its_own_language_not_other_characters() -> None:
    hant = {each["id"]: each["text"] for each in entries("zh_Hant")}
    assert hant["Report lost"] == "掛失"
    assert hant["Top-ups"] == "儲值"
    assert hant["metro"] == "捷運"
    assert hant["pharmacy"] == "藥局"
    mainland_words = ("充值", "地鐵", "公交", "信息", "登錄", "默認", "屏幕", "數據")
    assert [text for text in hant.values() if any(word in text for word in mainland_words)] == []


def test_the_catalogues_hold_all_messages_of_the_source(tmp_path: Path) -> None:
    """What xgettext finds in the source today is what the catalogues hold."""
    found = extracted(tmp_path)
    for locale in LANGUAGES:
        known = {(each["context"] or "", each["id"]) for each in entries(locale)}
        assert found - known == set()
        assert known - found == set()


def extracted(folder: Path) -> set[tuple[str, str]]:
    """Context and message of every marked word in our Python and templates."""
    for source in sources():
        text = source.read_text()
        target = folder / (str(source.relative_to(PROJECT)).replace("/", "-") + ".py")
        target.write_text(templatize(text, origin=source.name) if source.suffix == ".html" else text)
    keywords = [f"--keyword={name}" for name in KEYWORDS]
    files = sorted(str(each) for each in folder.glob("*.py"))
    command = [
        "xgettext",
        "--language=Python",
        "--from-code=UTF-8",
        "--no-wrap",
        "--output=-",
        *keywords,
        *files,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    catalogue = re.sub(r"#.*\n", "", done.stdout)
    return {
        (match["context"] or "", plain(match["id"]))
        for match in ENTRY.finditer(catalogue)
        if plain(match["id"])
    }


def sources() -> list[Path]:
    """Our own Python and templates; tests and benchmarks speak to nobody."""
    packages = ("accounts", "citizencard", "settlement", "terminals")
    return [
        path
        for package in packages
        for kind in ("*.py", "*.html")
        for path in sorted((PROJECT / package).rglob(kind))
    ]


@pytest.mark.parametrize(
    "template", [path for path in sources() if path.suffix == ".html"], ids=lambda path: path.name
)
def test_templates_have_no_word_outside_the_catalogue(template: Path) -> None:
    text = CODE.sub("", template.read_text())
    reader = VisibleText()
    reader.feed(text)
    assert [word for word in reader.words if word not in OWN_NAMES] == []


class VisibleText(HTMLParser):
    """Collects what a reader would see or hear: text with letters, and the attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        if any(letter.isalpha() for letter in data):
            self.words.append(data.strip())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        spoken = {"alt", "title", "aria-label", "placeholder"}
        self.words += [
            value for name, value in attrs if name in spoken and value and re.search(r"[^\W\d_]", value)
        ]


def test_the_admin_theme_speaks_chinese() -> None:
    """Words of the theme's templates we show are found in some catalogue; those of unused widgets are not needed."""
    folder = Path(unfold.__file__).parent / "templates"
    shown = ["admin/change_list.html", "admin/change_form.html", "admin/login.html", "admin/search_form.html",
             "admin/filter.html", "admin/pagination.html", "unfold/helpers/change_list_filter.html",
             "unfold/helpers/theme_switch_dropdown.html", "unfold/helpers/header_back_button.html",
             "unfold/helpers/empty_results.html", "unfold/helpers/search.html", "unfold/helpers/account_links.html",
             "unfold/helpers/navigation_user.html", "unfold/helpers/pagination.html"]  # fmt: skip
    words = {
        first or second
        for name in shown
        if (folder / name).exists()
        for first, second in MARKED.findall((folder / name).read_text())
    }
    assert words
    for language in LANGUAGES.values():
        with translation.override(language):
            assert {word for word in words if translation.gettext(word) == word} == set()
