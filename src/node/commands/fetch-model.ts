import { requireText } from '../../errors.ts';
import { type ResolvedModel, resolveModel } from '../models/index.ts';
import type { JobHooks } from './events.ts';

/** `resolveModel` with its progress as events. */
export async function fetchModel(spec: string, { onEvent, signal }: JobHooks): Promise<ResolvedModel> {
  requireText(spec, 'model', 'Give a path, an address, hf:owner/name or default');
  return resolveModel(spec, {
    onProgress: ({ received, total }) => onEvent?.({ type: 'download', received, total }),
    signal,
  });
}
