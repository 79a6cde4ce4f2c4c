/**
 * Checks that a regular expression of a foreign tokenizer is safe to run. JavaScript's engine tries all ways to match a text, which can
 * take practically forever and cannot be interrupted.
 */
import { type AST, RegExpParser } from '@eslint-community/regexpp';
import { ThawError } from '../../errors.ts';

/** Maximum ways to match an alternative, not counting open repeats. Llama 3's expression has 7. */
const MOST_WAYS = 1000;

/** Repeats above this count as unbounded. */
const MANY = 1000;

/** Matching cost of a part of an expression. */
interface Cost {
  /** Number of ways to match it, with open repeats counted once. */
  readonly ways: number;
  /** Characters of each unbounded repeat that the engine retries with fewer characters if the rest does not match. */
  readonly open: readonly CharacterPart[][];
  /** Whether it matches everywhere, so that the engine never retries an earlier part because of it. */
  readonly optional: boolean;
}

type CharacterPart = AST.Character | AST.CharacterSet | AST.CharacterClass | AST.ExpressionCharacterClass;

/**
 * Accepts expressions with at most quadratic time in the length of the text: an unbounded repeat must have only one way to match, and no
 * two retried repeats of an alternative can match the same character.
 *
 * @throws ThawError `bad-model` for any other
 */
export function refuseCostly(expression: RegExp): void {
  const refuse = (why: string): never => {
    const shown = expression.source.length > 60 ? `${expression.source.slice(0, 60)}…` : expression.source;
    throw new ThawError(
      'bad-model',
      `tokenizer.json has the expression /${shown}/, which could run forever: ${why}`,
      'Give the model with the tokenizer.json that belongs to it',
    );
  };
  const sets = new CharacterSets(expression);
  for (const alternative of patternOf(expression, refuse).alternatives) {
    const { ways, open } = costOfSequence(alternative.elements, false, refuse);
    if (ways > MOST_WAYS) refuse(`it can match a text in more than ${MOST_WAYS} ways`);
    open.forEach((one, i) => {
      if (open.slice(i + 1).some((other) => sets.overlap(one, other)))
        refuse('two of its repeats can match the same characters');
    });
  }
}

function patternOf({ source, flags }: RegExp, refuse: (why: string) => never): AST.Pattern {
  try {
    const modes = { unicode: flags.includes('u'), unicodeSets: flags.includes('v') };
    return new RegExpParser({ ecmaVersion: 2025 }).parsePattern(source, 0, source.length, modes);
  } catch (cause) {
    return refuse((cause as Error).message);
  }
}

const NOTHING: Cost = { ways: 1, open: [], optional: true };
const ONE_CHARACTER: Cost = { ways: 1, open: [], optional: false };

/** @param mayFail whether the following part can fail to match */
function costOfSequence(elements: readonly AST.Element[], mayFail: boolean, refuse: (why: string) => never): Cost {
  let [all, fails] = [NOTHING, mayFail];
  for (const element of [...elements].reverse()) {
    const { ways, open, optional } = costOf(element, fails, refuse);
    all = { ways: all.ways * ways, open: [...open, ...all.open], optional: all.optional && optional };
    fails ||= !optional;
  }
  return all;
}

function costOfAlternatives(
  alternatives: readonly AST.Alternative[],
  mayFail: boolean,
  refuse: (why: string) => never,
): Cost {
  const all = alternatives.map(({ elements }) => costOfSequence(elements, mayFail, refuse));
  return {
    ways: all.reduce((sum, { ways }) => sum + ways, 0),
    open: all.flatMap(({ open }) => open),
    optional: all.some(({ optional }) => optional),
  };
}

function costOf(element: AST.Element, mayFail: boolean, refuse: (why: string) => never): Cost {
  switch (element.type) {
    case 'Quantifier':
      return costOfRepeat(element, mayFail, refuse);
    case 'Group':
    case 'CapturingGroup':
      return costOfAlternatives(element.alternatives, mayFail, refuse);
    case 'Assertion':
      return 'alternatives' in element
        ? { ...costOfAlternatives(element.alternatives, true, refuse), optional: false }
        : ONE_CHARACTER;
    case 'Backreference':
      return refuse('it has a backreference');
    default:
      return ONE_CHARACTER;
  }
}

function costOfRepeat({ element, min, max }: AST.Quantifier, mayFail: boolean, refuse: (why: string) => never): Cost {
  if (max === 0) return NOTHING;
  const inner = costOf(element, mayFail || max > 1, refuse);
  const optional = min === 0 || inner.optional;
  if (max === 1) return { ...inner, ways: inner.ways + (min === 0 ? 1 : 0), optional };
  if (inner.open.length || (max > MANY && inner.ways > 1)) refuse('it repeats a part that can match in several ways');
  if (max > MANY) return { ways: 1, open: mayFail ? [charactersIn(element)] : [], optional };
  return { ways: inner.ways ** max * (max - min + 1), open: [], optional };
}

/** The characters of a part with only one way to match. */
function charactersIn(element: AST.Element): CharacterPart[] {
  switch (element.type) {
    case 'Character':
    case 'CharacterSet':
    case 'CharacterClass':
    case 'ExpressionCharacterClass':
      return [element];
    case 'Group':
    case 'CapturingGroup':
      return element.alternatives.flatMap(({ elements }) => elements.flatMap(charactersIn));
    case 'Quantifier':
      return charactersIn(element.element);
    default:
      return [];
  }
}

const CODE_POINTS = 0x110000;

/** Compares the sets of characters that parts of an expression match. */
class CharacterSets {
  private readonly known = new Map<string, Uint8Array>();

  constructor(private readonly expression: RegExp) {}

  overlap(some: readonly CharacterPart[], others: readonly CharacterPart[]): boolean {
    const [a, b] = [some, others].map((parts) => this.of(parts));
    return a.some((has, i) => has === 1 && b[i] === 1);
  }

  private of(parts: readonly CharacterPart[]): Uint8Array {
    const source = parts.map(({ raw }) => raw).join('|');
    const known = this.known.get(source);
    if (known) return known;
    const one = new RegExp(`^(?:${source})$`, this.expression.flags.replace(/[gy]/g, ''));
    const found = Uint8Array.from({ length: CODE_POINTS }, (_, i) => Number(one.test(String.fromCodePoint(i))));
    this.known.set(source, found);
    return found;
  }
}
