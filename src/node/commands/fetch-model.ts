import { requireText } from '../../errors.ts';
import { type ResolvedModel, resolveModel } from '../models/index.ts';
import type { JobHooks } from './events.ts';

/** @throws ThawError `bad-config` if a caller in JavaScript gives no model */
export const requireModel: (spec: unknown) => asserts spec is string = (spec) =>
  requireText(spec, 'model', 'Give a path, an address, hf:owner/name or default');

/** `resolveModel` with its progress as events. */
export async function fetchModel(spec: string, { onEvent, signal }: JobHooks): Promise<ResolvedModel> {
  requireModel(spec);
  return resolveModel(spec, {
    onProgress: ({ received, total }) => onEvent?.({ type: 'download', received, total }),
    signal,
  });
}
