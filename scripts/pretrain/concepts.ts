/** Selects the concepts and the images for pretraining the default model. */

import type { Icon } from '../demo/icons.ts';
import { heldOutConcepts, heldOutSets } from './held-out.ts';
import { conceptOf } from './naming.ts';
import { type IconSetDescription, iconSets } from './sets.ts';

/** The minimum number of sets that must draw a concept. */
export const leastSets = 8;

/** The maximum number of drawings of a concept from one set, so that sets with six styles do not outweigh the others. */
export const mostDrawings = 3;

/** Logos: they are trademarks, and all sets draw them alike. */
const brands = new Set(
  `android apple airplay behance bing bitbucket bitcoin chrome codepen discord dribbble dropbox ethereum evernote facebook figma
  firefox flickr github gitlab google html html5 css css3 instagram javascript kubernetes linkedin linux markdown mastodon medium
  messenger meta microsoft npm paypal pinterest python reddit skype slack snapchat soundcloud spotify telegram threads tiktok
  trello tumblr twitch twitter typescript ubuntu vimeo visa vue wechat whatsapp windows wordpress yahoo youtube amazon adobe angular
  docker stackoverflow steam stripe logo brand bxl`.split(/\s+/),
);

const disguises = heldOutConcepts.flatMap(({ drawnUnder }) => drawnUnder);
const barred = new Set(heldOutConcepts.flatMap(({ words }) => words));

/** An image of the pretraining. */
export interface Image {
  readonly icon: Icon;
  /** Index into the concepts. */
  readonly label: number;
  readonly split: 'train' | 'val';
}

export interface PretrainingSet {
  /** In alphabetical order. */
  readonly concepts: readonly string[];
  readonly images: readonly Image[];
}

/** Whether a name has a word of a held-out concept, so that its drawing must not be part of pretraining. */
export function namesHeldOut(name: string): boolean {
  return name.split('-').some((word) => barred.has(word.replace(/\d+$/, '')));
}

/**
 * Chooses from all sets' drawings: concepts that at least `leastSets` sets draw, neither held out nor logos, with at most
 * `mostDrawings` per set. The artists whose drawings validate the held-out concepts also validate here.
 * @param drawings the icons of each set, by the set's name
 */
export function selectImages(drawings: ReadonlyMap<string, readonly Icon[]>): PretrainingSet {
  const byConcept = new Map<string, Map<string, Icon[]>>();
  for (const set of iconSets) {
    const seen = new Set<string>();
    for (const icon of drawings.get(set.name) ?? []) {
      const concept = conceptOf(icon.name, set);
      if (concept === null || seen.has(icon.body) || isLeftOut(icon, concept)) continue;
      seen.add(icon.body);
      const sets = byConcept.get(concept) ?? new Map<string, Icon[]>();
      byConcept.set(concept, sets.set(set.name, [...(sets.get(set.name) ?? []), icon]));
    }
  }
  const chosen = [...byConcept].filter(([, sets]) => sets.size >= leastSets).sort(([a], [b]) => (a < b ? -1 : 1));
  const images = chosen.flatMap(([, sets], label) =>
    iconSets.flatMap((set) =>
      oneOfEachStyle(sets.get(set.name) ?? [], set)
        .slice(0, mostDrawings)
        .map((icon) => ({ icon, label, split: isHeldOut(set.name) ? ('val' as const) : ('train' as const) })),
    ),
  );
  return { concepts: chosen.map(([name]) => name), images };
}

/** Whether the set's drawings are for validation only. */
export function isHeldOut(set: string): boolean {
  return (heldOutSets as readonly string[]).includes(set);
}

function isLeftOut(icon: Icon, concept: string): boolean {
  const names = [icon.name, ...icon.aliases];
  return (
    [concept, ...names].some(namesHeldOut) ||
    names.some((name) => disguises.some((start) => `${icon.set}:${name}`.startsWith(start))) ||
    concept.split('-').some((word) => brands.has(word))
  );
}

/** Drawings in an order that has every style and variant once before any repeats in another size. */
function oneOfEachStyle(icons: readonly Icon[], set: IconSetDescription): Icon[] {
  const styles = new Map<string, Icon[]>();
  for (const icon of icons) {
    const style =
      set.name === 'fluent' || set.name === 'octicon' || set.name === 'heroicons'
        ? icon.name.replace(/-\d+/g, '')
        : icon.name;
    // Larger drawings have more detail, and all are rendered at one size.
    styles.set(style, [icon, ...(styles.get(style) ?? [])]);
  }
  const queues = [...styles.values()];
  return Array.from({ length: Math.max(0, ...queues.map((queue) => queue.length)) }, (_, i) =>
    queues.flatMap((queue) => queue.slice(i, i + 1)),
  ).flat();
}
