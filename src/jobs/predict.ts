import { isAbsolute, relative } from 'node:path';
import { openPictures, PictureSource } from '../data/node/index.ts';
import type { ClassifierSettings } from '../recipe/index.ts';
import { Classifier } from './classifier.ts';
import type { JobHooks } from './events.ts';

export interface PredictRequest {
  /** A run, a model folder or file, an address, `hf:owner/name`. */
  readonly model: string;
  /** Files, and folders with all files in them. */
  readonly pictures: readonly string[];
  /** Stops at a file that is no picture instead of leaving it out. */
  readonly strict?: boolean;
  readonly settings?: ClassifierSettings;
}

/** What a picture shows. */
export interface LabelledPicture {
  readonly file: string;
  readonly label: string;
  readonly probability: number;
  /** Of every class. */
  readonly probabilities: Readonly<Record<string, number>>;
}

/**
 * Labels pictures with a finished model.
 *
 * @returns in the order of the pictures; files that are none are told as notices and left out
 */
export async function predict(request: PredictRequest, hooks: JobHooks = {}): Promise<LabelledPicture[]> {
  const { samples, problems } = await openPictures(request.pictures, { strict: request.strict });
  const leaveOut = ({ file, reason }: { file: string; reason: string }) =>
    hooks.onEvent?.({ type: 'notice', message: `${file} is left out: ${reason}` });
  problems.forEach(leaveOut);
  const classifier = await Classifier.open(request.model, request.settings ?? {}, hooks);
  const { classes, preprocessing } = classifier;
  const source = new PictureSource({ samples, preprocessing, onProblem: leaveOut });
  const asWritten = request.pictures.every((path) => isAbsolute(path));
  const labelled: LabelledPicture[] = [];
  for await (const batch of classifier.predict(source)) {
    hooks.signal?.throwIfAborted();
    for (const { index, predicted, probabilities } of batch) {
      const { file } = samples[index];
      labelled.push({
        file: asWritten ? file : relative(process.cwd(), file),
        label: classes[predicted],
        probability: probabilities[predicted],
        probabilities: Object.fromEntries(classes.map((label, c) => [label, probabilities[c]])),
      });
    }
  }
  await classifier.release();
  return labelled;
}
