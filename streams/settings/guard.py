"""Settings of the guard: which subjects are sensitive, and what is published of them."""

from pydantic import BaseModel, Field, field_validator

from models.guard.policy import CATEGORIES, Handling, Policy


class GuardSettings(BaseModel):
    """What may be shown of journeys."""

    sensitive_journeys: Handling = Field(
        "neutral",
        description="what is published of a journey about a sensitive subject: `neutral` (that "
        "there is one, under a name that says nothing), `shown` (as any other) or `unpublished`; "
        "may change over live state",
    )
    sensitive_subjects: str = Field(
        ",".join(sorted(CATEGORIES)),
        description="which subjects are sensitive; names of the server that touch one are refused",
    )

    @field_validator("sensitive_subjects")
    @classmethod
    def _are_known(cls, value: str) -> str:
        if unknown := _split(value) - CATEGORIES:
            known = ", ".join(sorted(CATEGORIES))
            raise ValueError(f"{', '.join(sorted(unknown))}: the subjects are {known}")
        return value

    @property
    def policy(self) -> Policy:
        """What the guard is given."""
        return Policy(_split(self.sensitive_subjects), self.sensitive_journeys)


def _split(listed: str) -> frozenset[str]:
    return frozenset(filter(None, map(str.strip, listed.split(","))))
