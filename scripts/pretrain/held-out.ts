/** Concepts that the pretraining leaves out, to measure how well the model learns new pictograms by new artists. */

export interface HeldOutConcept {
  readonly name: string;
  /** Concepts (in the names of `conceptOf`) whose drawings show it. */
  readonly drawnAs: readonly string[];
  /**
   * Words that must not be in any name of a pretraining image: the thing itself, its near-synonyms, and objects that are drawn
   * like it. A word excludes every name that contains it, and so all its compounds.
   */
  readonly words: readonly string[];
  /** Prefixes of names (`set:name`) under which a set draws it, although no word says so. */
  readonly drawnUnder: readonly string[];
  /** Drawings (`set:name`) that show something else by the same name, or are not recognizable. */
  readonly except: readonly string[];
}

const concept = (
  name: string,
  drawnAs: string,
  words: string,
  { drawnUnder = [], except = [] }: Partial<Pick<HeldOutConcept, 'drawnUnder' | 'except'>> = {},
): HeldOutConcept => ({ name, drawnAs: drawnAs.split(' '), words: words.split(' '), drawnUnder, except });

export const heldOutConcepts: readonly HeldOutConcept[] = [
  concept('bell', 'bell', 'bell bells notification notifications reminder ring ringer ringing', {
    drawnUnder: ['fluent:alert'],
    except: ['ri:bell-fill', 'ri:bell-line', 'bx:notification', 'tabler:notification'],
  }),
  concept('bus', 'bus bus-front', 'bus buses coach minibus transit'),
  concept(
    'cake',
    'cake birthday-cake',
    'cake cakes birthday cupcake muffin dessert bakery party celebration candle candles',
  ),
  concept('camera', 'camera', 'camera cameras cam webcam video videocam videocamera aperture shutter photography'),
  concept(
    'coffee',
    'coffee cup mug coffee-cup hot-mug cafe',
    'coffee cup cups mug tea teacup teapot cafe espresso drink drinks beverage beer breakfast',
  ),
  concept(
    'flask',
    'flask beaker conical-flask',
    'flask beaker erlenmeyer conical experiment experimental science lab labs laboratory chemistry tube vial',
  ),
  concept('gift', 'gift', 'gift gifts present reward rewards giftcard redeem donate'),
  concept(
    'headphones',
    'headphones headphone',
    'headphones headphone headset headsets earphone earphones earbuds earpods airpods',
  ),
  concept('key', 'key', 'key keys keyhole passkey passkeys password', { except: ['carbon:key'] }),
  concept(
    'leaf',
    'leaf',
    'leaf leafs leaves plant plants seedling sprout eco nature vegan vegetarian clover cannabis spa organic grass energy',
    { except: ['mingcute:leaf-2-fill', 'mingcute:leaf-2-line', 'mingcute:leaf-3-fill', 'mingcute:leaf-3-line'] },
  ),
  concept('moon', 'moon', 'moon moons night nights nightlight crescent dark sleep bedtime lunar eclipse'),
  concept(
    'music',
    'music music-note',
    'music musical album albums song songs audiotrack audio playlist note notes tune itunes melody clef',
  ),
  concept('rocket', 'rocket', 'rocket rockets launch spaceship spacecraft startup shuttle'),
  concept('scissors', 'scissors cut', 'scissors scissor cut cuts cutting shears snip'),
  concept(
    'train',
    'train front-train train-front',
    'train trains tram tramway metro subway railway rail railroad locomotive',
  ),
  concept(
    'tree',
    'tree trees pine-tree deciduous-tree',
    'tree trees forest pine evergreen christmas park palm deciduous wood',
  ),
  concept('trophy', 'trophy', 'trophy trophies award awards winner champion tournament achievement leaderboard', {
    except: ['jam:trophy', 'jam:trophy-f'],
  }),
  concept('umbrella', 'umbrella', 'umbrella umbrellas parasol beach'),
];

/** Icon sets whose drawings of these concepts are for training. The pretraining saw these artists' drawings of other things. */
export const transferSets = ['bx', 'carbon', 'la', 'lucide', 'mingcute', 'ri', 'tabler'] as const;

/** Icon sets whose drawings of these concepts are for validation. The pretraining's training set has no image by these artists. */
export const heldOutSets = ['akar-icons', 'bi', 'iconoir', 'jam', 'majesticons', 'uil'] as const;
