/**
 * Whether a regular expression of a stranger's tokenizer can be run: JavaScript's engine tries all ways of reading a text, which may be more than
 * a life is long for, and nothing can stop it.
 */
import { type AST, RegExpParser } from '@eslint-community/regexpp';
import { ThawError } from '../../errors.ts';

/** Ways in which an alternative may be read, apart from how often its open repeats repeat. Llama 3's expression has 7. */
const MOST_WAYS = 1000;

/** A repeat of more is as good as one without end. */
const MANY = 1000;

/** What one part of an expression costs. */
interface Cost {
  /** In how many ways it can be read, open repeats counted once. */
  readonly ways: number;
  /** What repeats without end and is tried again with fewer when what follows does not match: the characters of each. */
  readonly open: readonly CharacterPart[][];
  /** Whether it matches everywhere, so that nothing before it is tried again for its sake. */
  readonly optional: boolean;
}

type CharacterPart = AST.Character | AST.CharacterSet | AST.CharacterClass | AST.ExpressionCharacterClass;

/**
 * Takes an expression whose time grows with the square of the text at most: what repeats without end has one way to be read, and of the repeats
 * in an alternative that are tried again, no two can read the same character.
 *
 * @throws ThawError `bad-model` for any other
 */
export function refuseCostly(expression: RegExp): void {
  const refuse = (why: string): never => {
    const shown = expression.source.length > 60 ? `${expression.source.slice(0, 60)}…` : expression.source;
    throw new ThawError(
      'bad-model',
      `tokenizer.json has the expression /${shown}/, which may take endlessly: ${why}`,
      'Give the model with the tokenizer.json that belongs to it',
    );
  };
  const sets = new CharacterSets(expression);
  for (const alternative of patternOf(expression, refuse).alternatives) {
    const { ways, open } = costOfSequence(alternative.elements, false, refuse);
    if (ways > MOST_WAYS) refuse(`it can be read in more than ${MOST_WAYS} ways`);
    open.forEach((one, i) => {
      if (open.slice(i + 1).some((other) => sets.overlap(one, other)))
        refuse('two of its repeats can read the same characters');
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

/** @param mayFail whether what follows may not match */
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
      return refuse('it refers back to what it has read');
    default:
      return ONE_CHARACTER;
  }
}

function costOfRepeat({ element, min, max }: AST.Quantifier, mayFail: boolean, refuse: (why: string) => never): Cost {
  if (max === 0) return NOTHING;
  const inner = costOf(element, mayFail || max > 1, refuse);
  const optional = min === 0 || inner.optional;
  if (max === 1) return { ...inner, ways: inner.ways + (min === 0 ? 1 : 0), optional };
  if (inner.open.length || (max > MANY && inner.ways > 1)) refuse('it repeats what can be read in several ways');
  if (max > MANY) return { ways: 1, open: mayFail ? [charactersIn(element)] : [], optional };
  return { ways: inner.ways ** max * (max - min + 1), open: [], optional };
}

/** The characters of a part that is read in one way. */
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

/** Which characters parts of an expression read. */
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
