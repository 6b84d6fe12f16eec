"""Words that tell where the things in an English caption begin and end: closed classes, and what captions use often."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DETERMINERS = _words(
    "a an the this that these those some any every each another both all my your his her its our their several many "
    "few various other no one two three four five six seven eight nine ten eleven twelve dozen"
)
"""What begins a noun phrase, and has no thing in it."""
SINGULAR = _words("a an this that each every one another")
"""Determiners of one thing."""
INTENSIFIERS = _words("very really quite so too extremely rather more most less")
"""What stands before an adjective."""
BREAKS = _words(
    # prepositions and particles
    "about above across after against along alongside among amongst amid around as at away before behind below "
    "beneath beside besides between beyond by despite down during except for from in inside into like near nearby "
    "next of off on onto opposite out outside over past per since than through throughout to toward towards under "
    "underneath until up upon via with within without atop aboard ahead apart together "
    # conjunctions and relatives
    "and or but nor yet while when where whose which who whom what that's because if though although whether then "
    # pronouns
    "i you he she it we they me him them us himself herself itself themselves someone something somebody everyone "
    "everything anyone anything nothing nobody there here it's there's "
    # auxiliaries and other verbs of no action
    "is are was were be been being am has have had having do does did can could will would shall should may might "
    "must isn't aren't doesn't don't seems appears looks "
    # adverbs
    "not just only also very already still again almost even ever never now often once soon sometimes perhaps maybe "
    "well far back-to-back side-by-side please"
)
"""What no noun phrase goes across."""
ADJECTIVES = _words(
    "red orange yellow green blue purple pink brown black white grey gray golden gold silver beige tan turquoise teal "
    "violet maroon dark light bright pale colorful colourful multicolored striped spotted checkered plaid big small "
    "large little tiny huge giant tall short long wide narrow thin thick fat skinny old young new modern ancient "
    "vintage antique fresh clean dirty dusty muddy rusty wet dry hot cold warm cool open closed empty full round "
    "square oval flat sharp curved straight steep deep shallow high low wooden metallic stone concrete plastic woolen "
    "leather furry fluffy shiny smooth rough soft hard heavy happy sad angry sleepy tired hungry busy quiet calm wild "
    "tame cute pretty beautiful nice lovely ugly sunny cloudy rainy snowy foggy grassy sandy rocky leafy bare lush "
    "tropical rural urban electric asian african american european elderly male female left-hand right-hand good bad "
    "delicious tasty ripe raw cooked front rear upper lower inner outer main different same single double similar "
    "identical"
)
"""Which may stand before a noun, and alone are no thing."""
THINGS_TOO = _words("orange light square stone gold violet male female rose oval plaid tan turquoise")
"""Adjectives that behind a determiner may be a thing: "an orange"."""
NOT_THINGS = _words(
    "photo photos picture pictures image images photograph photographs view views shot close-up closeup snapshot "
    "front back side sides top bottom left right middle center centre edge background foreground distance end rear "
    "day night time times morning afternoon evening way ways air lot lots kind kinds type types variety number midst "
    "direction position front-view side-view look action style sale"
)
"""What a noun phrase may be about and a box cannot hold."""
MEDIA = _words(
    "drawing painting sketch illustration cartoon rendering render screenshot portrait watercolour watercolor "
    "engraving clipart depiction"
)
"""What the whole of a picture may be said to be where a caption begins, "a drawing of a dog"; elsewhere a thing."""
COLLECTIONS = _words(
    "group bunch pair couple collection set crowd row line pile stack series assortment array piece herd flock swarm"
)
"""No thing of their own before "of"."""
VERBS = _words(
    "sit stand lie lay walk run ride drive fly jump swim sleep rest eat drink hold carry wear use play watch look "
    "stare gaze face lean hang pose smile talk speak wait work cook cut chop slice serve pour fill cover surround "
    "contain show display depict feature include throw catch kick hit swing push pull drag climb fall float sail row "
    "surf ski skate skateboard snowboard cross pass approach enter leave arrive stop park read write type draw paint "
    "clean wash brush dry fix repair build make take get give put set place touch pet feed chase graze perch bark "
    "bite lick sniff dig hide peek reach grab pick hug kiss shake wave dance sing perform celebrate prepare bake "
    "grill dress decorate top mount attach connect tie wrap stack pile glide land travel move turn spin roll slide "
    "grow bloom shine glow reflect overlook line share enjoy try begin start point aim shoot toss dive splash shop "
    "buy sell ship load unload gather herd lead follow rise see chew"
)
"""Which captions use, without endings."""
IRREGULAR = _words(
    "sat stood lay laid ran rode drove flew swam slept ate drank held carried wore hung threw caught hit swung fell "
    "left made took taken got given put cut built worn broken torn drawn written eaten ridden driven flown grown "
    "shown thrown fallen woven filled seen set"
)
"""Their pasts and participles that do not end in -ed."""
THINGS_IN_ING = _words(
    "building buildings ring rings king kings string strings wing wings ceiling ceilings clothing swing swings sling "
    "spring springs thing things railing railings awning awnings painting paintings drawing drawings lightning "
    "dumpling dumplings pudding wedding stocking stockings earring earrings duckling icing crossing parking sibling "
    "bedding frosting stuffing seasoning topping toppings landing flooring siding paneling lining lighting plumbing "
    "gosling fishing-rod beijing offspring inning housing casing coating covering dressing"
)
"""Nouns that look like participles."""
NOUNS_TOO = _words(
    "watch watches plant plants park parks cook cooks drink drinks cut cuts hangs face faces show shows display "
    "displays play plays pass catch catches kick swing swings stack stacks pile piles row rows line lines point "
    "points ship ships shop shops load loads herd herds wave waves brush brushes paint paints ski skis skate skates "
    "skateboard skateboards snowboard snowboards dress dresses top tops place places land lands bark slice slices "
    "cover covers pet pets stop stops drive drives work works feature features surf roll rolls slide slides ride "
    "rides set type types tie ties turn turns hit hits bite bites shake shakes grill grills mount mounts cross "
    "crosses leaves wraps wrap step steps stand stands glow reflect start starts aim dive kiss hug fly sail sails"
)
"""Forms of those verbs that are nouns as often."""
PLURALS = _words("people men women children sheep cattle deer geese mice police kids")
"""Nouns in the plural that do not end in -s, or do and stand before verbs often."""
LY_WORDS = _words(
    "family fly butterfly dragonfly jelly belly lily ally bully early daily friendly curly woolly silly elderly "
    "lovely ugly holy jolly smelly hilly july italy lonely lively ply fireflies firefly barfly trolley lolly holly "
    "doily supply assembly monopoly anomaly cuddly bubbly wooly"
)
"""Words in -ly that are no adverbs."""
