/**
 * Maps an icon's name to the thing that it shows. Artists name one thing in many ways (`cog-outline`, `settings-24-filled`,
 * `ios-gear`). A concept is the name without its style words, with synonyms merged and the order of words ignored.
 */
import type { IconSetDescription } from './sets.ts';

/** Words at the end of any set's names that only distinguish variants of one drawing. */
const variants = new Set('alt alternate small sm large lg mini xl simple big thick rounded curved variant'.split(' '));

/** After one of these words, a number counts something (a die's eyes, hours, bars of signal) and stays. */
const counted = new Set(
  `number numeric looks dice die filter counter signal wifi battery brightness crop rotate timer forward replay rewind back
  exposure circle square hexagon clock bar bars column columns heading h text network cell dot dots rating medal time`.split(
    /\s+/,
  ),
);

/** Synonyms: each group of words on the right is replaced by the word on the left. */
const synonyms: Readonly<Record<string, string>> = {
  plus: 'add new create',
  minus: 'remove subtract',
  x: 'close times xmark cross dismiss cancel',
  check: 'checkmark tick done',
  off: 'slash slashed disabled mute muted',
  user: 'account person profile',
  users: 'people group accounts',
  envelope: 'mail email',
  house: 'home',
  gear: 'cog settings setting',
  trash: 'bin trashcan garbage',
  image: 'photo picture',
  bicycle: 'bike',
  bolt: 'lightning flash thunderbolt zap',
  mic: 'microphone',
  lock: 'locked padlock',
  unlock: 'unlocked',
  pen: 'pencil edit',
  phone: 'telephone call',
  mobile: 'smartphone cellphone',
  alert: 'warning exclamation danger',
  eye: 'visible visibility',
  globe: 'world earth',
  compass: 'compas',
  file: 'document doc',
  folder: 'directory',
  message: 'chat comment',
  bookmark: 'bookmarks',
  bulb: 'lightbulb',
  location: 'pin marker',
  chart: 'graph',
  plane: 'airplane aeroplane flight',
  music: 'musical',
  arrow: 'arrows',
  chevron: 'angle',
  question: 'help',
  tv: 'television',
  smile: 'smiley happy',
  crown: 'queen',
  grid: 'grids',
  droplet: 'drop water',
  share: 'sharing',
  refresh: 'reload',
  store: 'shop',
  presentation: 'slideshow',
  luggage: 'suitcase',
};

/** Synonyms among whole names, applied after the words above. Left: the name used here, with its words in alphabetical order. */
const phrases: Readonly<Record<string, string>> = {
  x: 'mark-x',
  check: 'check-mark',
  search: 'glass-magnifying magnify magnifier',
  cart: 'cart-shopping',
  bag: 'bag-shopping',
  basket: 'basket-shopping',
  question: 'mark-question',
  alert: 'alert-mark alert-triangle',
  logout: 'log-out out-sign signout exit',
  login: 'in-log in-sign signin',
  'zoom-in': 'zoomin in-zoom',
  'zoom-out': 'zoomout out-zoom',
  'thumb-up': 'thumbs-up like',
  'down-thumb': 'down-thumbs dislike',
  bulb: 'idea bulb-light',
  heart: 'favorite',
  bell: 'notification notifications',
  location: 'location-map place',
  'camera-video': 'videocam videocamera',
  'board-clip': 'clipboard',
  graduation: 'graduation-hat cap-graduation mortarboard',
  'alarm-clock': 'alarm',
  clock: 'time',
  sun: 'sun-weather sunny-weather sunny',
  cloud: 'cloud-weather cloudy cloudy-weather',
  moon: 'moon-night moon-weather',
  printer: 'print',
  'card-credit': 'creditcard card-pay',
  'drive-hard': 'harddrive hdd',
  restaurant: 'fork-knife cutlery knife-fork',
  paperclip: 'clip-paper attachment attach clip-file',
  'book-open': 'openbook',
  gamepad: 'controller-game controller-gaming',
  tag: 'price-tag label',
  fire: 'flame',
  percent: 'percentage',
  'code-qr': 'qrcode',
  unlock: 'lock-open',
  unlink: 'link-off broken-link',
  hashtag: 'hash',
  film: 'movie',
  target: 'bullseye',
  newspaper: 'news',
  dollar: 'currency-dollar dollar-sign currency',
  rupee: 'currency-rupee',
  pound: 'currency-pound',
  euro: 'currency-euro',
  skip: 'forward-skip next-skip',
  'skip-back': 'back-skip backward-skip previous-skip',
  contrast: 'adjust',
};

const byWord = (table: Readonly<Record<string, string>>) =>
  new Map(Object.entries(table).flatMap(([word, others]) => others.split(' ').map((other) => [other, word] as const)));
const wordFor = byWord(synonyms);
const phraseFor = byWord(phrases);

/**
 * The concept of an icon: its words in alphabetical order, joined by hyphens, so that `arrow-left-circle` and `circle-arrow-left`
 * are the same. Null if only style words remain, or only a number or a letter.
 */
export function conceptOf(name: string, set: Pick<IconSetDescription, 'prefixes' | 'suffixes'> = {}): string | null {
  const tokens = name.toLowerCase().split('-');
  if (tokens.length > 1 && set.prefixes?.includes(tokens[0])) tokens.shift();
  for (let last = tokens.length - 1; last > 0; last--) {
    const isNumber = /^\d+$/.test(tokens[last]) && !counted.has(tokens[last - 1]);
    if (!isNumber && !variants.has(tokens[last]) && !set.suffixes?.includes(tokens[last])) break;
    tokens.pop();
  }
  const canonical = tokens.map((token) => {
    // Variants numbered without a hyphen: `camera2`.
    const word = token.length > 4 ? token.replace(/[2-9]$/, '') : token;
    return wordFor.get(word) ?? word;
  });
  const key = [...new Set(canonical)].sort().join('-');
  const concept = phraseFor.get(key) ?? key;
  return concept === 'x' || (concept.length > 1 && !/^[\d-]+$/.test(concept)) ? concept : null;
}
