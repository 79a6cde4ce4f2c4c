import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { findFlower } from '../../../scripts/test/flower.ts';
import { writeFederatedApp } from '../../../src/node/commands/index.ts';
import { needs } from '../../needs.ts';
import type { Project } from './project.ts';

/** A Python with Flower, if there is one. */
export const PYTHON = findFlower();

export const FLOWER = needs(PYTHON, 'Flower: `npm test` installs it for Python 3.11 or later');

/** Image folders of two machines: one has few of some classes, the other has only two classes. */
export const unevenShares = ({ folder, data }: Project): string[] =>
  [
    { blue: 8, green: 2, red: 3 },
    { green: 3, red: 6 },
  ].map((counts, client) => {
    const share = join(folder, `share-${client}`);
    for (const [name, count] of Object.entries(counts)) {
      mkdirSync(join(share, name), { recursive: true });
      for (let i = 0; i < count; i++)
        symlinkSync(join(data, 'train', name, `${(i + client) % 8}.png`), join(share, name, `${i}.png`));
    }
    return share;
  });

/** Environment of Flower's commands, which store their files in the project's folder. */
export const flowerEnvironment = ({ folder }: Project) => ({
  ...process.env,
  PATH: `${dirname(PYTHON!)}:${process.env.PATH}`,
  FLWR_HOME: join(folder, 'flower'),
  FLWR_TELEMETRY_ENABLED: '0',
  THAW_CACHE: join(folder, 'cache'),
});

/** A free port for a SuperLink on this machine. */
export const freePort = (): Promise<number> =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });

interface TestStage {
  readonly train: string;
  readonly epochs: number;
  readonly lr: number;
}

const tableOf = ({ train, epochs, lr }: TestStage, i: number) =>
  `[tool.flwr.app.config.stage-${i + 1}]\nrounds = 1\ntrain = "${train}"\nepochs = ${epochs}\nlr = ${lr}\n`;

/** Writes an app with these stages, one round each, plain means, and the current sources of Thaw. */
export async function writeTestApp(
  { model }: Project,
  folder: string,
  { labels, settings, stages }: { labels: readonly string[]; settings: object; stages: readonly TestStage[] },
): Promise<void> {
  await writeFederatedApp({ folder, model: join(model, 'model.onnx'), labels: [...labels] });
  const file = join(folder, 'pyproject.toml');
  const command = `"${process.execPath}" --import "${import.meta.resolve('tsx')}" "${resolve('src/cli/main.ts')}"`;
  writeFileSync(
    file,
    readFileSync(file, 'utf8')
      .replace('thaw = "thaw"', `thaw = ${JSON.stringify(command)}`)
      .replace('guard = "clip"', 'guard = "none"')
      .replace(/^settings = .*$/m, `settings = '${JSON.stringify(settings)}'`)
      .replace(/\[tool\.flwr\.app\.config\.stage-1\].*/s, stages.map(tableOf).join('\n')),
  );
}
