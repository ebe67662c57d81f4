"""Names for experiments that have none: an adjective and a noun."""

from __future__ import annotations

import random
from collections.abc import Container

_ADJECTIVES = """
    airy amber ample azure balmy basic bold brave breezy brief bright brisk calm candid careful cheery civil clear
    clever close cool cosy crisp curly dapper daring dewy eager early easy even fair faint fancy fine firm fleet fluffy
    fond frank fresh frosty gentle giddy glad golden grand green handy happy hardy hasty hazel humble icy jolly keen
    kind late lavish leafy light lively loyal lucky lunar mellow merry mild misty modest mossy nimble noble novel odd
    olive open pale patient plain polar prime prompt proud quick quiet rapid rare ready ripe robust rosy round royal
    ruby rustic sandy serene shady sharp shiny silent silky silver simple sleek snowy solar solid spare spry stable
    steady still stout sunny sure sweet swift tame tawny tidy tiny tranquil true upbeat vast velvet vivid warm wary
    wild windy wise witty woven young zesty
"""
_NOUNS = """
    acorn anchor apple arrow aspen badger bamboo barley basin beacon beaver birch bison breeze bridge brook cactus
    camel canal canoe canyon cedar cherry cliff cloud clover comet coral crane creek cricket crystal daisy delta desert
    dune eagle echo ember falcon fern field finch fjord flame forest fossil fox garden gecko geyser ginger glacier glade
    grove gull harbor hare hawk hazelnut heron hill hollow island ivy jade jasmine kestrel kettle lagoon lake lantern
    lark laurel lemon lily linen lotus lynx magnet mango maple marble marsh meadow melon meteor mint moon moss mountain
    nectar nutmeg oak oasis ocean orbit orchid otter owl oyster palm panda pebble pepper petal pine planet plateau plum
    pond poplar prairie prism puffin quail quartz rain raven reed reef ridge river robin saffron sail salmon sparrow
    spruce star stone stream summit sunrise swallow swan thicket thistle tide timber tulip tundra valley violet walnut
    wave wheat willow wren
"""


def new_name(taken: Container[str]) -> str:
    """A name that is not taken."""
    chance = random.SystemRandom()
    adjectives, nouns = _ADJECTIVES.split(), _NOUNS.split()
    while True:
        name = f"{chance.choice(adjectives)}-{chance.choice(nouns)}"
        if name not in taken:
            return name
        longer = f"{name}-{chance.randrange(1000)}"
        if longer not in taken:
            return longer
