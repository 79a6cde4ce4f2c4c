/** A request and a platform, as a session takes them. */
import type { ImageReader } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import type { ModelFiles, SessionPlatform, TrainSettings, TrainSettingsInput } from '../session/index.ts';
import type { RemotePlatform } from './platform.ts';
import type { ImageHandle, InputHandle, LabelledSample, ModelRequest, RemoteEvent } from './protocol.ts';
import { datasetOf } from './samples.ts';

/** The files around the model, and its name. */
export const filesOf = ({
  name = 'model',
  source = name,
  preprocessorConfig: preprocessing,
  config,
  tokenizer,
  tokenizerConfig,
}: ModelRequest): ModelFiles => ({
  ...{ name: String(name), source: String(source) },
  ...{ preprocessing, config, tokenizer, tokenizerConfig },
});

/**
 * The settings with the classes of a request in the order of the outputs.
 *
 * @throws ThawError `bad-config` if the settings name them too
 */
export function withClasses(settings: TrainSettingsInput, classes: readonly string[] | undefined): TrainSettingsInput {
  if (!classes) return settings;
  const twice = (['labels', 'targets'] as const).find((name) => settings[name] !== undefined);
  if (twice) {
    throw new ThawError(
      'bad-config',
      `classes and setting ${twice} both name the outputs of the model`,
      'Leave one of them out',
    );
  }
  return { ...settings, labels: [...classes] };
}

/** Reads a request's samples. An image that cannot be read is an event. */
export function samplesReading(
  samples: readonly LabelledSample[],
  { cacheMemory }: Pick<TrainSettings, 'cacheMemory'>,
  platform: RemotePlatform,
  emit: (event: RemoteEvent) => void,
): Pick<SessionPlatform, 'reader' | 'imageBytes' | 'onProblem' | 'dataset'> {
  const images = samples.flatMap(({ image }, i) => (image === undefined ? [] : [[String(i), image] as const]));
  const megabytes = cacheMemory ?? platform.cacheMemory;
  return {
    reader: platform.reader(new Map(images)),
    imageBytes: megabytes === undefined ? undefined : megabytes * 2 ** 20,
    onProblem: ({ file, reason }) => emit({ type: 'problem', sample: Number(file), reason }),
    dataset: async (format, reading, settings) => datasetOf(samples, format, reading, settings),
  };
}

/** Reads the images of one call. */
export const imagesReader =
  (platform: RemotePlatform) =>
  (inputs: readonly InputHandle[]): ImageReader =>
    platform.reader(new Map(inputs.map((input, i) => [String(i), input])));

/** Bytes of memory for outputs of the frozen layers, unless the settings say. */
export const featureBytesOf = ({ cacheMemory = 1024 }: RemotePlatform) => ({
  featureBytes: () => cacheMemory * 2 ** 20,
});

/**
 * Refuses inputs that are no handles, and paths that the client may not name.
 *
 * @param noun of the inputs: a string is a text or a path
 */
export function checkInputs(inputs: readonly InputHandle[], noun: 'image' | 'text', platform: RemotePlatform): void {
  for (const [i, input] of inputs.entries()) if (noun === 'image') checkImage(input, `input ${i}`, platform);
}

/** The same for samples. */
export function checkSamples(samples: readonly LabelledSample[], platform: RemotePlatform): void {
  if (!Array.isArray(samples)) return;
  for (const [i, { image }] of samples.entries()) if (image !== undefined) checkImage(image, `samples[${i}]`, platform);
}

function checkImage(image: ImageHandle, where: string, { checkPath }: RemotePlatform): void {
  if (typeof image === 'string') checkPath?.(image);
  else if (!(image instanceof Blob) && !(image instanceof Uint8Array))
    throw new ThawError('bad-data', `${where} is not an image`, 'Give a Blob, or the bytes of an image file');
}
