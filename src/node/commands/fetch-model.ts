import { type ResolvedModel, resolveModel } from '../models/index.ts';
import type { JobHooks } from './events.ts';

/** `resolveModel` with its progress as events. */
export const fetchModel = (spec: string, { onEvent, signal }: JobHooks): Promise<ResolvedModel> =>
  resolveModel(spec, {
    onProgress: ({ received, total }) => onEvent?.({ type: 'download', received, total }),
    signal,
  });
