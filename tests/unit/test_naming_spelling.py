"""Names are spelled as a reader would spell them."""

import pytest

from models.naming.answers import Policy, Refusal, check
from models.naming.titles import Evidence
from tests.support.naming import request

PHP = (
    "PHP's source code for PHP developers",
    "Poll: What PHP framework are you using?",
    "True PHP debugging with Nginx",
    "WHAT DEVELOPERS EARN",
    "npm beside composer",
    "What is toString in PHP?",
    "Is PostgreSQL for everyone?",
)
EVIDENCE = Evidence.of(request(*PHP, terms={"php": 30.0, "developer": 9.0}))


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("php development", "PHP development"),
        ("Php Developers", "PHP Developers"),  # shouting says nothing
        ("Debugging PHP code", "Debugging PHP code"),
        ("PHP and postgresql", "PHP and postgresql"),  # one title alone does not decide
        ("PHP and JavaScript", "PHP and JavaScript"),
        ("DevOps of PHP", "DevOps of PHP"),
        ("PHP and toString", "PHP and toString"),
    ],
)
def test_words_are_spelled_as_several_titles_spell_them(answer: str, name: str) -> None:
    assert check(answer, EVIDENCE, Policy(), similarity=1.0) == (name, None)


@pytest.mark.parametrize("answer", ["The art of thePHP", "PHP-toJSON conversion"])
def test_two_words_in_one_are_refused(answer: str) -> None:
    assert check(answer, EVIDENCE, Policy(), similarity=1.0).refusal is Refusal.FORM
