import * as z from 'zod';
import { checkPreprocessing, preprocessingSchema } from '../../data/index.ts';
import { textFormatSchema } from '../../data/text/index.ts';
import { checkJson } from '../../json.ts';
import type { ComparisonRow } from '../../report/index.ts';
import type { InputFormat } from '../../session/index.ts';
import { factsSchema, type TaskFacts } from '../../tasks/index.ts';
import type { RunIdentity, RunReader, RunSource } from '../run/index.ts';

/** How a run began: the model, the data and the task. The run keeps it as `about` of its source. */
export interface About {
  /** As given by the user, at the commit that the run trains if it is a model of the hub. */
  readonly model: string;
  readonly data: string;
  /** Absolute. */
  readonly dataPath: string;
  /** The model's short name, and the SHA-256 of its file. */
  readonly name: string;
  readonly sha256: string;
  readonly preprocessing: InputFormat;
  readonly task: TaskFacts;
  /** The model's `config.json`. */
  readonly sourceConfig?: unknown;
  readonly comparison?: readonly ComparisonRow[];
}

const aboutSchema = z.object({
  model: z.string(),
  data: z.string(),
  dataPath: z.string(),
  name: z.string(),
  sha256: z.string(),
  preprocessing: z.looseObject({ kind: z.unknown().optional() }),
  task: factsSchema,
  sourceConfig: z.unknown().optional(),
  comparison: z
    .array(z.object({ name: z.string(), accuracy: z.number(), seconds: z.number(), link: z.string().optional() }))
    .optional(),
});

/**
 * Reads the model that a run trains, and how the run began.
 *
 * @throws ThawError `run-directory` if a file is missing or damaged
 */
export async function readSource(run: RunReader): Promise<Omit<RunSource, 'about'> & { readonly about: About }> {
  const { about, ...source } = await run.source();
  return { ...source, about: checkAbout(run, about) };
}

/** The same without the model, which takes a while to read. */
export async function readBeginning(
  run: RunReader,
): Promise<{ readonly identity: RunIdentity; readonly about: About }> {
  const { about, identity } = await run.notes();
  return { identity, about: checkAbout(run, about) };
}

function checkAbout(run: RunReader, kept: RunSource['about']): About {
  const source = { what: `the source of the run ${run.path}`, hint: 'Start a new run with `thaw train`' };
  const about = checkJson(kept, aboutSchema, source);
  const preprocessing =
    about.preprocessing.kind === undefined
      ? checkPreprocessing(checkJson(about.preprocessing, preprocessingSchema, source))
      : checkJson(about.preprocessing, textFormatSchema, source);
  return { ...about, preprocessing };
}
