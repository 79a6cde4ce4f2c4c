import { ThawError } from '../../errors.ts';
import { type FederatedAppRequest, writeFederatedApp } from '../../jobs/index.ts';
import { quoted } from '../../jobs/paths.ts';
import type { CommandSpec } from '../command.ts';

export const command: CommandSpec = {
  name: 'federated',
  summary: 'a Flower App (init DIR) in which machines train a model together',
  description:
    'Writes pyproject.toml, a server on FedAvg, FedProx or FedAdam of Flower, and a client that calls thaw round: for flwr run, in simulation and between machines. Stages, rates and local epochs by round are in its pyproject.toml. Servers and clients need Python (docs/federated.md).',
  words: [
    { name: 'init', does: 'the word init' },
    { name: 'dir', does: 'the folder to write' },
  ],
  flags: {
    model: { kind: 'text', value: 'MODEL', does: 'the same on all machines, as for thaw train', default: 'default' },
    labels: { kind: 'names', value: 'A,B,C', does: 'the classes of all machines, or a file with one a line' },
    data: { kind: 'text', value: 'FOLDER', does: 'of a simulation: pictures of each client, {} being its number' },
    strategy: { kind: 'text', value: 'NAME', does: 'fedavg, fedprox or fedadam', default: 'fedavg' },
  },
  examples: ["thaw federated init app --model model.onnx --labels cat,dog --data 'shares/{}'"],
  async run({ words: [what, folder], values, terminal }) {
    if (what !== 'init')
      throw new ThawError('bad-config', `thaw federated does not know "${what}"`, 'Write: thaw federated init DIR');
    const files = await writeFederatedApp({ ...(values as Omit<FederatedAppRequest, 'folder'>), folder });
    if (terminal.json) terminal.answer({ folder, files });
    terminal.say(`app   ${quoted(folder)}: ${files.join(', ')}`);
    terminal.say(`next  look through ${quoted(`${folder}/pyproject.toml`)}, then: flwr run ${quoted(folder)} --stream`);
    return 0;
  },
};
