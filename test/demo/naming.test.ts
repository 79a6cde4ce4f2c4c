import { expect, test } from 'vitest';
import { conceptOf } from '../../scripts/pretrain/naming.ts';
import { iconSets } from '../../scripts/pretrain/sets.ts';

const rows: [set: string, name: string, concept: string | null][] = [
  // Style words go, by set.
  ['mdi', 'umbrella-outline', 'umbrella'],
  ['fluent', 'camera-24-filled', 'camera'],
  ['solar', 'key-bold-duotone', 'key'],
  ['ic', 'twotone-camera-alt', 'camera'],
  ['ion', 'ios-cog-outline', 'gear'],
  ['jam', 'trophy-f', 'trophy'],
  ['ri', 'camera-2-line', 'camera'],
  ['bi', 'camera2', 'camera'],
  // ...but what is a style in one set is content in another, or elsewhere in the name.
  ['fa6-solid', 'chart-line', 'chart-line'],
  ['ri', 'line-chart-line', 'chart-line'],
  ['mdi', 'fill', 'fill'],
  // Changes of meaning stay.
  ['tabler', 'camera-off', 'camera-off'],
  ['uil', 'camera-slash', 'camera-off'],
  ['bi', 'bell-slash-fill', 'bell-off'],
  ['tabler', 'dice-3', '3-dice'],
  ['mdi', 'battery-60', '60-battery'],
  // One thing, one name, whatever the order of its words.
  ['uil', 'arrow-circle-left', 'arrow-circle-left'],
  ['lucide', 'circle-arrow-left', 'arrow-circle-left'],
  ['heroicons', 'magnifying-glass', 'search'],
  ['fa6-solid', 'magnifying-glass', 'search'],
  ['material-symbols', 'home-outline-rounded', 'house'],
  ['heroicons', 'x-mark', 'x'],
  ['feather', 'x', 'x'],
  // Nothing left to name.
  ['mdi', '123', null],
  ['jam', 'a', null],
];

test.each(rows)('%s draws %s as %s', (name, icon, concept) => {
  expect(conceptOf(icon, iconSets.find((set) => set.name === name)!)).toBe(concept);
});

test('a concept is the same when named again', () => {
  for (const [, , concept] of rows) if (concept) expect(conceptOf(concept)).toBe(concept);
});
