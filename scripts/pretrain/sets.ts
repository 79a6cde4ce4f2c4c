/**
 * The icon sets, their artists, and how each marks a style in an icon's name. A style ("filled", "thin", 24 pixels) is another
 * drawing of the same thing. Without style words, a name says what the icon shows.
 */
export interface IconSetDescription {
  /** The set's Iconify prefix: the package is `@iconify-json/<name>`. */
  readonly name: string;
  /**
   * The artist, or the family that the set descends from (Lucide grew out of Feather, Line Awesome out of Font Awesome, Pictogrammers'
   * set out of Google's). A family is never on both sides of a split.
   */
  readonly artist: string;
  /** Words at the start of a name that describe style, not content. */
  readonly prefixes?: readonly string[];
  /** Words at the end of a name that describe style, not content. */
  readonly suffixes?: readonly string[];
}

const material = ['outline', 'rounded', 'sharp'];

/** Iconify has more sets; these have permissive licences without share-alike, and neither logos nor colours. */
export const iconSets: readonly IconSetDescription[] = [
  { name: 'akar-icons', artist: 'akar-icons', suffixes: ['fill'] },
  { name: 'ant-design', artist: 'ant-design', suffixes: ['filled', 'outlined', 'twotone'] },
  { name: 'basil', artist: 'basil', suffixes: ['outline', 'solid'] },
  { name: 'bi', artist: 'bootstrap', suffixes: ['fill'] },
  { name: 'bx', artist: 'boxicons', prefixes: ['bxs', 'bx'] },
  { name: 'carbon', artist: 'carbon', suffixes: ['filled', 'outline', 'fill', 'glyph'] },
  { name: 'ci', artist: 'coolicons', suffixes: ['filled', 'outline'] },
  { name: 'clarity', artist: 'clarity', suffixes: ['line', 'solid', 'outline'] },
  { name: 'eva', artist: 'eva', suffixes: ['outline', 'fill'] },
  { name: 'fa6-solid', artist: 'font-awesome' },
  { name: 'feather', artist: 'feather' },
  { name: 'fluent', artist: 'fluent', suffixes: ['filled', 'regular', 'light'] },
  { name: 'heroicons', artist: 'heroicons', suffixes: ['solid'] },
  { name: 'ic', artist: 'google', prefixes: ['baseline', 'outline', 'round', 'sharp', 'twotone'] },
  { name: 'iconamoon', artist: 'iconamoon', suffixes: ['bold', 'duotone', 'fill', 'light', 'thin'] },
  { name: 'iconoir', artist: 'iconoir', suffixes: ['solid'] },
  { name: 'ion', artist: 'ionicons', prefixes: ['ios', 'md'], suffixes: ['outline', 'sharp'] },
  { name: 'jam', artist: 'jam', suffixes: ['f'] },
  { name: 'la', artist: 'font-awesome', suffixes: ['solid'] },
  { name: 'lets-icons', artist: 'lets-icons', suffixes: ['fill', 'light', 'duotone', 'line'] },
  { name: 'lucide', artist: 'feather' },
  { name: 'majesticons', artist: 'majesticons', suffixes: ['line'] },
  { name: 'material-symbols', artist: 'google', suffixes: material },
  { name: 'mdi', artist: 'google', suffixes: ['outline', 'variant'] },
  { name: 'mingcute', artist: 'mingcute', suffixes: ['line', 'fill'] },
  { name: 'octicon', artist: 'octicons', suffixes: ['fill', 'filled'] },
  { name: 'ph', artist: 'phosphor', suffixes: ['bold', 'duotone', 'fill', 'light', 'thin'] },
  { name: 'prime', artist: 'prime', suffixes: ['fill'] },
  { name: 'radix-icons', artist: 'radix', suffixes: ['filled', 'outline', 'solid'] },
  { name: 'ri', artist: 'remix', suffixes: ['line', 'fill'] },
  { name: 'simple-line-icons', artist: 'simple-line-icons' },
  {
    name: 'solar',
    artist: 'solar',
    suffixes: ['bold', 'broken', 'linear', 'outline', 'line', 'duotone', 'minimalistic'],
  },
  { name: 'tabler', artist: 'tabler', suffixes: ['filled'] },
  { name: 'teenyicons', artist: 'teenyicons', suffixes: ['outline', 'solid'] },
  { name: 'uil', artist: 'unicons' },
  { name: 'zondicons', artist: 'zondicons', suffixes: ['outline', 'solid'] },
];
