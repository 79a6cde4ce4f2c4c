import type { Noun, Preprocessing } from '../data/index.ts';
import { isText, type TextFormat } from '../data/text/index.ts';
import { metadataOf } from '../export/index.ts';
import { type Model, roundsValues } from '../onnx/index.ts';
import type { SessionHooks } from './events.ts';
import { choosePreprocessing } from './images.ts';
import { ASSUMED, EXACT, RENAMED_STD } from './notices.ts';
import type { ImageSettings, TextSettings } from './settings.ts';
import { chooseText, takesTexts } from './texts.ts';

/** How samples become a model's input. */
export type InputFormat = Preprocessing | TextFormat;

export const nounOf = (format: InputFormat): Noun => (isText(format) ? 'text' : 'image');

/** The files around a model, parsed, and how the user named it. */
export interface ModelFiles {
  /** Short, for messages. */
  readonly name: string;
  /** As the user wrote it. */
  readonly source: string;
  /** `preprocessor_config.json`, `config.json`, `tokenizer.json` and `tokenizer_config.json`, if they are there. */
  readonly preprocessing?: unknown;
  readonly config?: unknown;
  readonly tokenizer?: unknown;
  readonly tokenizerConfig?: unknown;
}

/** How images or texts become the model's input. An assumption is reported. */
export function inputFormatOf(
  model: Model,
  files: ModelFiles,
  settings: ImageSettings & TextSettings,
  { onEvent }: SessionHooks,
): InputFormat {
  const noted = metadataOf(model)?.preprocessing;
  if (takesTexts(model)) return chooseText(model, files, settings, noted && isText(noted) ? noted : undefined);
  const own = noted && !isText(noted) ? noted : undefined;
  const { preprocessing, from } = choosePreprocessing(model, files.preprocessing, settings, own);
  if (settings.deviation) onEvent?.({ type: 'notice', message: RENAMED_STD });
  if (from === 'assumed') onEvent?.({ type: 'notice', message: ASSUMED });
  return preprocessing;
}

/** Reports how Thaw computes a quantized model, and its cost. */
export function noticeQuantized({ graph }: Model, { onEvent }: SessionHooks): void {
  if (roundsValues(graph)) onEvent?.({ type: 'notice', message: EXACT });
}
