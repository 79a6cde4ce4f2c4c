import { CATALOGUE } from '../catalogue.ts';
import { unicodeEscaped } from '../escapes.ts';
import type { CardRun } from './types.ts';

/** A score under its name in the hub's `evaluate`. */
export interface HubMetric {
  readonly type: string;
  readonly name?: string;
  readonly value: number;
  readonly args?: Readonly<Record<string, string>>;
}

/** The metadata that the Hugging Face hub reads from a model card. */
export interface FrontMatter extends Pick<CardRun, 'title'> {
  readonly model: Pick<CardRun['model'], 'source'>;
  readonly license?: string;
  /** The hub's name for the task, if it has one. */
  readonly pipeline?: string;
  /** The same for the results. */
  readonly task: string;
  /** The last tag. */
  readonly tag: string;
  readonly data: { readonly path: string; readonly type: string };
  /** Scores of the validation set, and of the test set if there is one. Scores that are not numbers are left out. */
  readonly results: Readonly<Partial<Record<'validation' | 'test', readonly HubMetric[]>>>;
}

// Characters that YAML 1.1 forbids or treats as a line break.
const UNSAFE = /[^\n\x20-\x7e\xa0-\u2027\u202a-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/gu;

/** The block at the top of a model card. All strings are quoted, because YAML 1.1, still in use, has more words for `true` than 1.2. */
export function frontMatter({ title, model, license, pipeline, task, tag, data, results }: FrontMatter): string {
  const base = /^hf:([\w.-]+\/[\w.-]+)/.exec(model.source)?.[1];
  const measured = Object.entries(results)
    .map(([split, metrics]) => [split, metrics.filter(({ value }) => Number.isFinite(value)).map(hubMetric)] as const)
    .filter(([, metrics]) => metrics.length > 0);
  const lines = linesOf({
    license: license ?? licenseOf(model.source) ?? 'unknown',
    library_name: 'transformers.js',
    pipeline_tag: pipeline,
    base_model: base,
    tags: ['onnx', 'thaw', tag],
    'model-index': measured.length
      ? [
          {
            name: title,
            results: measured.map(([split, metrics]) => ({
              task: { type: task },
              dataset: { name: data.path.split(/[\\/]/).filter(Boolean).pop() ?? data.path, type: data.type, split },
              metrics,
            })),
          },
        ]
      : undefined,
  });
  return `---\n${unicodeEscaped(`${lines.join('\n')}\n`, UNSAFE)}---`;
}

/** Licences that the hub knows by their names in lower case. */
const HUB_LICENSES = ['Apache-2.0', 'MIT'];

/** The licence of a model of the catalogue, as the hub names it. */
function licenseOf(source: string): string | undefined {
  const licence = CATALOGUE.find(({ address }) => address === source.replace(/@.*$/, ''))?.licence;
  return licence && (HUB_LICENSES.includes(licence) ? licence.toLowerCase() : 'other');
}

/** A value as YAML: JSON is YAML, and lists and objects go one entry a line, as people read them. Pages would load a whole package for it. */
function linesOf(value: unknown): string[] {
  if (Array.isArray(value))
    return value.flatMap((entry) => linesOf(entry).map((line, i) => `${i === 0 ? '-' : ' '} ${line}`));
  if (typeof value !== 'object' || value === null) return [JSON.stringify(value)];
  return Object.entries(value).flatMap(([key, entry]) => {
    if (entry === undefined) return [];
    const lines = linesOf(entry);
    return typeof entry === 'object' ? [`${key}:`, ...lines.map((line) => `  ${line}`)] : [`${key}: ${lines[0]}`];
  });
}

const hubMetric = ({ value, ...metric }: HubMetric) => ({
  ...metric,
  value: Number(value.toFixed(4)),
  verified: false,
});
