import { readAugmentation } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import type { SessionHooks } from './events.ts';
import { readSettings, type TrainSettings, type TrainSettingsInput } from './settings.ts';

/**
 * The settings that a model may recommend: those that depend on its pretraining images and rates. Epochs, stages and losses depend on the
 * data and the task; the rest depends on the machine or the user.
 */
const RECOMMENDABLE = ['augment', 'views', 'lr', 'pretrainedRate', 'layerDecay'] as const;

/** Settings that a model recommends: `thaw.training` in its `config.json`. Plain data. */
export type RecommendedSettings = Pick<TrainSettingsInput, (typeof RECOMMENDABLE)[number]>;

/**
 * The settings of a training, completed by the model's recommendations.
 *
 * @param config the model's parsed `config.json`
 * @throws ThawError `bad-config` if a recommendation is invalid
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

/** The recommendations of a finished model: its settings that differ from the defaults; undefined if there are none. */
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

/** Reports the settings that come from the model's recommendation, if there are any. */
export function noticeRecommended(settings: RecommendedSettings, { onEvent }: SessionHooks): void {
  if (Object.keys(settings).length) onEvent?.({ type: 'recommended', settings });
}

function check(recommended: RecommendedSettings): void {
  for (const [name, value] of Object.entries(recommended)) {
    try {
      readAugmentation(readSettings({ [name]: value }).augment);
    } catch (error) {
      if (!(error instanceof ThawError)) throw error;
      const message = error.message.replace(/^setting \w+(\.|: )/, '');
      const hint = `Fix it there, or set ${name} yourself`;
      throw new ThawError('bad-config', `${WHERE}.${name}: ${message}`, hint, { cause: error });
    }
  }
}
