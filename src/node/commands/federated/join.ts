import { readFile, stat } from 'node:fs/promises';
import { ThawError } from '../../../errors.ts';
import { answerOf, identityOf, type NodeEvent, readAskedRound, runNode } from '../../../federated/flower/index.ts';
import { elementCount } from '../../../onnx/index.ts';
import type { TrainSettingsInput } from '../../../session/index.ts';
import { readModelFile } from '../../models/files.ts';
import type { JobEvent } from '../events.ts';
import { fetchModel } from '../fetch-model.ts';
import { round } from '../round/index.ts';
import { type SuperLinkAddress, transportTo } from './transport.ts';

export interface JoinRequest extends SuperLinkAddress {
  /** As for a training; the federation's state says of which model it is. */
  readonly model: string;
  readonly data: string;
  /** An OpenSSH private key file of a node that `flwr supernode register` told the SuperLink of; a new node registers itself. */
  readonly key?: string;
  /** What this machine decides for itself: device and cache. */
  readonly settings?: Pick<TrainSettingsInput, 'device' | 'cache' | 'cacheMemory' | 'cacheDisk'>;
  /** Milliseconds between two questions for messages. */
  readonly poll?: number;
}

export interface JoinHooks {
  readonly onEvent?: (event: JobEvent | NodeEvent) => void;
  /** Ends the node, after it has told the SuperLink. */
  readonly signal?: AbortSignal;
}

/**
 * Takes part in the federations of a Flower SuperLink until asked to stop: rounds of the app that `writeFederatedApp` writes, on this
 * machine's data.
 *
 * @throws ThawError `network` where the SuperLink cannot be reached at first, is of a version that is not spoken, or does not take the node;
 * `not-found` or `bad-model` where the model cannot be read
 */
export async function joinFederation(request: JoinRequest, { onEvent, signal }: JoinHooks = {}): Promise<void> {
  const { model, data, key, settings, poll } = request;
  const transport = await transportTo(request);
  const identity = key === undefined ? undefined : await identityOf(await keyIn(key));
  const limit = await messageLimit(model, { onEvent, signal });
  await runNode({
    transport,
    identity,
    poll,
    limit,
    onEvent,
    signal,
    answer: async (message, stop) => {
      const { settings: asked, ...rest } = readAskedRound(message);
      return answerOf(
        await round({ model, data, ...rest, settings: { ...asked, ...settings } }, { onEvent, signal: stop }),
      );
    },
  });
}

/** Bytes besides the model's own that a state may have: a new head, adapters. */
const BESIDES = 64 * 2 ** 20;

/** Bytes of a message whose state has all that the model has, in single precision, and some. */
async function messageLimit(spec: string, hooks: JoinHooks): Promise<number> {
  const { path } = await fetchModel(spec, hooks);
  const { initializers } = (await readModelFile(path)).graph;
  const elements = [...initializers.values()].reduce((all, { shape }) => all + elementCount(shape), 0);
  // Weights may be in `Constant` nodes, too.
  return 4 * elements + (await stat(path)).size + BESIDES;
}

const keyIn = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: Error) => {
    throw new ThawError('not-found', `${file} cannot be read: ${cause.message}`, 'Check --key', { cause });
  });
