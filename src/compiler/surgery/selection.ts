import { ThawError } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import type { LayerGroup } from './groups.ts';
import type { Omission } from './omissions.ts';

/** `head`, `last:N`, `all`, a group's name, a parameter's name, a glob or `/regex/` on parameter names; several in a list or with commas. */
export type Selection = string | readonly string[];

/**
 * The parameters that a selection names.
 *
 * @param groups layer groups, input side first, the head last
 * @param allNames the names of all parameters
 * @param omitted tensors that never train, with the reasons for error messages
 * @throws ThawError `bad-config` if a part of it matches no name, with similar names
 */
export function selectParameters(
  selection: Selection,
  groups: readonly LayerGroup[],
  allNames: readonly string[] = groups.flatMap(({ parameters }) => parameters),
  omitted: readonly Omission[] = [],
): Set<string> {
  const parts = partsOf(selection);
  if (parts.length === 0) throw new ThawError('bad-config', 'nothing is selected to train', EXAMPLES);
  return new Set(parts.flatMap((part) => select(part, groups, allNames, omitted)));
}

/** A selection in readable form: without the parts that another part includes, as `last:3` includes `head`. */
export function selectionText(selection: Selection): string {
  const parts = [...new Set(partsOf(selection))];
  if (parts.includes('all')) return 'all';
  const isLast = (part: string) => part === 'head' || /^last:\d+$/.test(part);
  const count = (part: string) => (part === 'head' ? 1 : Number(part.slice('last:'.length)));
  const most = Math.max(...parts.filter(isLast).map(count));
  return parts.filter((part) => !isLast(part) || count(part) === most).join(', ');
}

const EXAMPLES = 'Write head, last:3, all, the name of a layer group, a pattern such as layer4.*, or /bias$/';

const partsOf = (selection: Selection): string[] =>
  (typeof selection === 'string' ? [selection] : selection).flatMap(split);

/** Splits at commas, except inside a regular expression. */
const split = (text: string): string[] =>
  (text.match(/\/(?:[^/\\]|\\.)*\/\w*|[^,]+/g) ?? []).map((part) => part.trim()).filter((part) => part !== '');

/** The parts of an untrusted selection that could take too long: regular expressions, and globs with many stars. */
export const slowPatterns = (selection: Selection): string[] =>
  partsOf(selection).filter((part) => REGEX.test(part) || part.split('*').length > 4);

const REGEX = /^\/(.*)\/([a-z]*)$/s;

function select(
  part: string,
  groups: readonly LayerGroup[],
  allNames: readonly string[],
  omitted: readonly Omission[],
): readonly string[] {
  if (part === 'all') return allNames;
  const last = part === 'head' ? 1 : numberOfLast(part);
  if (last !== undefined) return groups.slice(-last).flatMap(({ parameters }) => parameters);
  const group = groups.find(({ name }) => name === part);
  if (group) return group.parameters;
  const pattern = toPattern(part);
  const matched = allNames.filter((name) => pattern.test(name));
  if (matched.length) return matched;
  const constant = omitted.find(({ name }) => pattern.test(name));
  if (constant) {
    throw new ThawError(
      'bad-config',
      `"${part}" selects no parameter: "${constant.name}" never trains (${constant.reason})`,
      'thaw inspect lists the parameters, and everything that never trains',
    );
  }
  throw new ThawError('bad-config', `"${part}" selects no parameter`, hint(part, groups, allNames));
}

function numberOfLast(part: string): number | undefined {
  if (!part.startsWith('last:')) return undefined;
  const count = Number(part.slice('last:'.length));
  if (!/^last:\d+$/.test(part) || count < 1) {
    throw new ThawError(
      'bad-config',
      `"${part}" is not a number of layer groups`,
      'Write last:1 (the head), last:2, …',
    );
  }
  return count;
}

function toPattern(part: string): RegExp {
  const regex = REGEX.exec(part);
  if (!regex)
    return new RegExp(
      `^${part
        .replace(/[.+^${}()|[\]\\/]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')}$`,
    );
  try {
    // The pattern is tested against many names, so it must not keep its position between tests.
    return new RegExp(regex[1], regex[2].replace(/[gy]/g, ''));
  } catch (cause) {
    throw new ThawError('bad-config', `${part} is not a regular expression: ${(cause as Error).message}`, EXAMPLES, {
      cause,
    });
  }
}

/** Words of the language, besides `last:N`. */
const WORDS = ['head', 'all'];

function hint(part: string, groups: readonly LayerGroup[], allNames: readonly string[]): string {
  const word = nearest(part, WORDS);
  if (word !== undefined) return `Did you mean ${word}?`;
  const near = [...new Set([...groups.map(({ name }) => name), ...allNames])]
    .map((name) => ({ name, likeness: likeness(part, name) }))
    .filter(({ likeness }) => likeness > 0.4)
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, 3)
    .map(({ name }) => name);
  return near.length
    ? `Near it are ${near.join(', ')}`
    : `The layer groups are ${groups.map(({ name }) => name).join(', ')}`;
}

/** Sørensen–Dice coefficient of the pairs of neighbouring letters. */
function likeness(a: string, b: string): number {
  const pairs = (text: string) => Array.from({ length: text.length - 1 }, (_, i) => text.slice(i, i + 2).toLowerCase());
  const rest = pairs(b);
  const total = pairs(a).length + rest.length;
  const common = pairs(a).filter((pair) => {
    const at = rest.indexOf(pair);
    if (at >= 0) rest.splice(at, 1);
    return at >= 0;
  });
  return total ? (2 * common.length) / total : 0;
}
