import { readFile, stat } from 'node:fs/promises';
import { requireRequest, ThawError } from '../../../errors.ts';
import { answerOf, identityOf, type NodeEvent, readAskedRound, runNode } from '../../../federated/flower/index.ts';
import { elementCount } from '../../../onnx/index.ts';
import type { TrainSettingsInput } from '../../../session/index.ts';
import { readModelFile } from '../../models/files.ts';
import type { JobEvent } from '../events.ts';
import { fetchModel } from '../fetch-model.ts';
import { round } from '../round/index.ts';
import { type SuperLinkAddress, transportTo } from './transport.ts';

export interface JoinRequest extends SuperLinkAddress {
  /** As for a training. The federation's state defines the expected model. */
  readonly model: string;
  readonly data: string;
  /** OpenSSH private key file of a node registered with `flwr supernode register`. Without it, a new node registers itself. */
  readonly key?: string;
  /** Settings that each machine chooses: device and cache. */
  readonly settings?: Pick<TrainSettingsInput, 'device' | 'cache' | 'cacheMemory' | 'cacheDisk'>;
  /** Milliseconds between two requests for messages. */
  readonly poll?: number;
}

export interface JoinHooks {
  readonly onEvent?: (event: JobEvent | NodeEvent) => void;
  /** Ends the node, after it has signed off from the SuperLink. */
  readonly signal?: AbortSignal;
}

/**
 * Takes part in the federations of a Flower SuperLink until the signal stops it: trains the rounds of the app of `writeFederatedApp` on the
 * data of this machine.
 *
 * @throws ThawError `network` if the SuperLink is not reachable at the start, has an unsupported version, or rejects the node;
 * `not-found` or `bad-model` if the model cannot be read
 */
export async function joinFederation(request: JoinRequest, { onEvent, signal }: JoinHooks = {}): Promise<void> {
  requireRequest(request);
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

/** Extra bytes of a state besides the model's own parameters: a new head, adapters. */
const BESIDES = 64 * 2 ** 20;

/** Maximum bytes of a message: all parameters of the model in single precision, plus a margin. */
async function messageLimit(spec: string, hooks: JoinHooks): Promise<number> {
  const { path } = await fetchModel(spec, hooks);
  const { initializers } = (await readModelFile(path)).graph;
  const elements = [...initializers.values()].reduce((all, { shape }) => all + elementCount(shape), 0);
  // Weights can also be in `Constant` nodes.
  return 4 * elements + (await stat(path)).size + BESIDES;
}

const keyIn = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: Error) => {
    throw new ThawError('not-found', `${file} cannot be read: ${cause.message}`, 'Check --key', { cause });
  });
