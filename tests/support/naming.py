"""Naming requests that the tests share."""

from models.records import NamingRequest

SOURDOUGH = (
    "No-knead sourdough for beginners",
    "How to keep a rye starter alive",
    "Shaping a bâtard without tears",
    "Baking bread in a Dutch oven",
    "Why is my sourdough crumb so dense?",
)
LISTS = {
    "sourdough": SOURDOUGH,
    "sailing": (
        "Sailing solo across the Atlantic",
        "Choosing a sailing dinghy",
        "How to reef a mainsail in a gale",
        "Sailing knots that hold",
        "Antifouling paint",
    ),
    "chess": (
        "The Sicilian defence in ten games",
        "Chess endgames with rook and pawn",
        "Magnus Carlsen's best chess sacrifices",
        "A chess opening for club players",
        "How chess engines think",
    ),
    "telescopes": (
        "Building a Dobsonian telescope",
        "Photographing Saturn through a telescope",
        "Telescope eyepieces compared",
        "Dark skies near Toulouse",
        "Collimating a Newtonian telescope",
    ),
    "beekeeping": (
        "Opening a beehive in spring",
        "Bees and oilseed rape",
        "My first honey harvest",
        "Catching swarms of bees",
        "Varroa treatment for bees without acid",
    ),
}


def request(
    *titles: str,
    taken: tuple[str, ...] = (),
    terms: dict[str, float] | None = None,
    user_id: str = "u1",
    journey_id: str = "j1",
    revision: int = 1,
) -> NamingRequest:
    """A request; by default for the sourdough journey."""
    return NamingRequest(
        user_id=user_id,
        journey_id=journey_id,
        revision=revision,
        titles=list(titles or SOURDOUGH),
        terms=terms or {"sourdough": 13.4, "bread": 6.1},
        keywords="Sourdough, bread",
        taken=list(taken),
        requested_at=0,
    )
