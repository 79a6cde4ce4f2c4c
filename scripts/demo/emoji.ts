/** The demo's classes, and the emoji sets that draw them. */

export interface EmojiSet {
  /** The Iconify prefix: the package is `@iconify-json/<name>`. */
  readonly name: string;
  /** An artist is never on both sides of a split. */
  readonly artist: Artist;
}

/** Training artists draw the images to train on; validation artists draw those that measure the result. */
export const trainArtists = ['EmojiOne', 'Google', 'Microsoft'] as const;
export const valArtists = ['Mozilla', 'Streamline', 'Twitter'] as const;
export type Artist = (typeof trainArtists)[number] | (typeof valArtists)[number];

/** All have permissive licences without share-alike: README.md lists them. */
export const emojiSets: readonly EmojiSet[] = [
  { name: 'emojione', artist: 'EmojiOne' },
  { name: 'noto', artist: 'Google' },
  { name: 'noto-v1', artist: 'Google' },
  { name: 'fluent-emoji-flat', artist: 'Microsoft' },
  { name: 'fxemoji', artist: 'Mozilla' },
  { name: 'streamline-emojis', artist: 'Streamline' },
  { name: 'twemoji', artist: 'Twitter' },
];

export interface EmojiClass {
  readonly name: string;
  /** Names of emoji that show it, as `emojiName` spells them. */
  readonly emoji: readonly string[];
}

/**
 * One class for each kind of animal that all six artists draw, of kinds that the pretraining's concepts do not name (cats, fish,
 * mice and bugs are left out). An animal's body and its face are one class.
 */
const animals: Readonly<Record<string, string>> = {
  ant: 'ant',
  bear: 'bear bearface',
  bird: 'bird',
  blowfish: 'blowfish',
  camel: 'camel twohumpcamel bactriancamel dromedarycamel',
  chick: 'babychick hatchingchick frontfacingbabychick frontfacingchick',
  chicken: 'chicken',
  chipmunk: 'chipmunk',
  cow: 'cow cowface',
  crocodile: 'crocodile',
  dog: 'dog dogface dogside',
  dolphin: 'dolphin',
  elephant: 'elephant',
  frog: 'frog frogface',
  goat: 'goat',
  hamster: 'hamster hamsterface hampster',
  honeybee: 'honeybee',
  horse: 'horse horseface',
  koala: 'koala',
  ladybird: 'ladybeetle',
  monkey: 'monkey monkeyface',
  octopus: 'octopus',
  panda: 'panda pandaface',
  penguin: 'penguin',
  pig: 'pig pigface pigside',
  rabbit: 'rabbit rabbitface bunny bunnyside',
  sheep: 'ewe ram sheep',
  snail: 'snail',
  snake: 'snake',
  tiger: 'tiger tigerface tigerside',
  turtle: 'turtle',
  whale: 'whale spoutingwhale spurtingwhale',
  wolf: 'wolf wolfface',
};

export const emojiClasses: readonly EmojiClass[] = Object.entries(animals).map(([name, emoji]) => ({
  name,
  emoji: emoji.split(' '),
}));

/** An emoji's name without hyphens, which Mozilla leaves out, and without the number of a variant (`ewe-2`). */
export function emojiName(name: string): string {
  return name.replace(/-\d+$/, '').replaceAll('-', '');
}
