import { type JobHooks, type PushOutcome, type PushRequest, push } from '../commands/index.ts';

export interface PushOptions extends Omit<PushRequest, 'run' | 'repository'>, JobHooks {}

/**
 * Uploads the model of a finished run to the Hugging Face hub: card, configuration and ONNX files, in one commit. A new repository is private,
 * unless `public` is true. Sends only changed files, and continues an interrupted push. The token is `HF_TOKEN`, or that of a login.
 *
 * @param repository `owner/name`
 * @example
 * ```ts
 * import { pushToHub } from 'thaw';
 *
 * const { url, changed } = await pushToHub('runs/images-1', 'ann/pets', { revision: 'v2' });
 * console.log(url, changed);
 * ```
 * @throws ThawError if there is no token, or the hub refuses
 */
export const pushToHub = (
  run: string,
  repository: string,
  { onEvent, signal, ...options }: PushOptions = {},
): Promise<PushOutcome> => push({ ...options, run, repository }, { onEvent, signal });
