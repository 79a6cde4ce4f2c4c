import { requireText } from '../../errors.ts';
import { type ResolvedModel, resolveModel } from '../models/index.ts';
import { isPath } from '../models/resolve.ts';
import type { JobHooks } from './events.ts';

/** @throws ThawError `bad-config` if a caller in JavaScript gives no model */
export const requireModel: (spec: unknown) => asserts spec is string = (spec) =>
  requireText(spec, 'model', 'Give a name from thaw models, a path, an address, or hf:owner/name');

/** `resolveModel` with its progress and notices as events. */
export async function fetchModel(spec: string, { onEvent, signal }: JobHooks): Promise<ResolvedModel> {
  requireModel(spec);
  return resolveModel(spec, {
    onProgress: ({ received, total }) => onEvent?.({ type: 'download', received, total }),
    onNotice: (message) => onEvent?.({ type: 'notice', message }),
    signal,
  });
}

/** The name of a model at its present version, for jobs that open it several times. Downloads it. */
export async function pinnedModel(spec: string, hooks: JobHooks): Promise<string> {
  return isPath(spec) ? spec : pinnedSource(await fetchModel(spec, hooks));
}

/** The name of a model that always means the same files. */
export const pinnedSource = ({ source, commit }: Pick<ResolvedModel, 'source' | 'commit'>): string =>
  commit === undefined ? source : `${source.replace(/@.*$/, '')}@${commit}`;
