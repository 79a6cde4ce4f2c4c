import { readAugmentation } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import type { SessionHooks } from './events.ts';
import { readSettings, type TrainSettings, type TrainSettingsInput } from './settings.ts';

/**
 * What a model may say of its training: what follows from the images and the rates that it was made with. Epochs, stages and losses
 * follow from the data and the task, all else is the machine's or the user's.
 */
const RECOMMENDABLE = ['augment', 'views', 'lr', 'pretrainedRate', 'layerDecay'] as const;

/** Settings that a model brings with it: `thaw.training` in the `config.json` beside it. Plain data. */
export type RecommendedSettings = Pick<TrainSettingsInput, (typeof RECOMMENDABLE)[number]>;

/**
 * The settings of a training, and for what they do not say those that the model recommends.
 *
 * @param config the model's parsed `config.json`
 * @throws ThawError `bad-config` where what is recommended makes no sense
 */
export function withRecommended(
  given: TrainSettingsInput,
  config: unknown,
): { readonly settings: TrainSettings; readonly recommended: RecommendedSettings } {
  const open = Object.entries(recommendationIn(config)).filter(
    ([name]) => given[name as keyof TrainSettingsInput] === undefined,
  );
  const recommended: RecommendedSettings = Object.fromEntries(open);
  check(recommended);
  return { settings: readSettings({ ...given, ...recommended }), recommended };
}

/** What a finished model recommends: of what it was trained with, whatever is not the default anyway; undefined where all is. */
export function recommendationOf(settings: TrainSettings): RecommendedSettings | undefined {
  const usual = readSettings({});
  const differs = (name: keyof RecommendedSettings) => JSON.stringify(settings[name]) !== JSON.stringify(usual[name]);
  const names = RECOMMENDABLE.filter(differs);
  return names.length ? Object.fromEntries(names.map((name) => [name, settings[name]])) : undefined;
}

const WHERE = 'config.json: thaw.training';

function recommendationIn(config: unknown): Record<string, unknown> {
  const { thaw } = (config ?? {}) as { thaw?: { training?: unknown } };
  const { training = {} } = thaw ?? {};
  if (typeof training !== 'object' || training === null || Array.isArray(training)) {
    throw new ThawError(
      'bad-config',
      `${WHERE} is ${JSON.stringify(training)}, and no settings`,
      'Write it as { "augment": "drawings" }, or remove it',
    );
  }
  const unknown = Object.keys(training).find((name) => !(RECOMMENDABLE as readonly string[]).includes(name));
  if (unknown === undefined) return training as Record<string, unknown>;
  throw new ThawError(
    'bad-config',
    `${WHERE}.${unknown} is nothing that a model recommends`,
    `It may say ${RECOMMENDABLE.join(', ')}`,
  );
}

/** Tells what a training takes from the model's recommendation, if it takes anything. */
export function noticeRecommended(settings: RecommendedSettings, { onEvent }: SessionHooks): void {
  if (Object.keys(settings).length) onEvent?.({ type: 'recommended', settings });
}

function check(recommended: RecommendedSettings): void {
  for (const [name, value] of Object.entries(recommended)) {
    try {
      readAugmentation(readSettings({ [name]: value }).augment);
    } catch (error) {
      if (!(error instanceof ThawError)) throw error;
      const message = error.message.replace(/^(setting \w+: |augmentation\.)/, '');
      const hint = `Mend it there, or set ${name} yourself`;
      throw new ThawError('bad-config', `${WHERE}.${name}: ${message}`, hint, { cause: error });
    }
  }
}
