// The public API: names are added on purpose only, and the examples in its documentation are TypeScript that holds.
import { readdirSync, readFileSync } from 'node:fs';
import { transform } from 'esbuild';
import { expect, test } from 'vitest';

const API: Readonly<Record<string, { readonly file: string; readonly names: string }>> = {
  thaw: {
    file: 'src/index.ts',
    names: `Config EpochEvaluation ErrorCode Evaluation Explanation FilePrediction FineTuneRequest Hooks Inspection JobOptions LoadedModel
      calibrate clean doctor evaluate explain exportModel federatedRound findLearningRate fineTune finishFederation firstState inspect joinFederation listModels loadModel mergeAdapters mlflow ModelInput nodeRuntime overlayPixels predict predictEach Prediction PredictionSettings preview pushToHub resume resumeSweep serve serveStudio startThread suggest Sweep sweep TaskName ThawError TrackerSink Training TrainingEvent TrainingResult TrainingSettings writeArtifacts writeFederatedApp`,
  },
  'thaw/core': {
    file: 'src/core.ts',
    names: `Batch BatchSource BestStore Checkpoint Config Dataset DatasetReading EpochEvaluation ErrorCode Evaluation FeatureCache
      ImageReader InputFormat LabelReading LoadedModel Model ModelFiles OpenedSession OwnRoundRequest Pixels Prediction Predictor
      Preprocessing ReadDataset ReopenRequest RoundOutcome Runtime RuntimeSession Sample Session SessionEvent SessionPlatform
      SessionRequest TaskName Tensor TextFormat ThawError loadedModel openSession ownRound readCheckpoint readModel reopenSession
      tensor writeCheckpoint writeModel`,
  },
  'thaw/compiler': {
    file: 'src/node/library/compiler.ts',
    names: 'CompileOptions Compiled Manifest Selection Tensor ThawError compile',
  },
  'thaw/compiler in a page': {
    file: 'src/web/compiler.ts',
    names: 'CompileOptions Compiled Manifest Selection Tensor ThawError compile',
  },
  'thaw/web': {
    file: 'src/web/index.ts',
    names: `EpochEvaluation ErrorCode Evaluation Explanation Finished LoadedModel Opened PageClient PageImage PageModel PageOpenRequest
      PageTraining Prediction PredictionSettings RemoteEvent TaskName ThawError TrainingSettings WebRuntimeOptions WorkerOptions
      answersBy fetchTransport folderAsZip loadModel modelFetch overlayPixels runNode startWorker webRuntime`,
  },
  'thaw/electron': {
    file: 'src/electron/index.ts',
    names: 'Training TrainingOptions TrainingWindow preload startTraining',
  },
  'thaw/electron/client': {
    file: 'src/electron/client.ts',
    names:
      'ModelFiles PickOptions PickedImage PickedModel PickedText inElectron overlayPixels pickImages pickModel pickTexts saveModel startProcess',
  },
};

/** Names that a file exports: lists and declarations. Entries have no `export *`, which would export by accident. */
function exportsOf(file: string): string[] {
  const code = readFileSync(file, 'utf8');
  expect(code).not.toMatch(/^export \*/m);
  const lists = [...code.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list]) => list!.split(','));
  const declared = [...code.matchAll(/^export (?:async )?(?:function|const|class|interface|type) (\w+)/gm)];
  const listed = lists.map(
    (name) =>
      name
        .trim()
        .replace(/^type /, '')
        .split(' as ')
        .at(-1)!,
  );
  return [...listed, ...declared.map(([, name]) => name!)].filter(Boolean).sort();
}

test.each(Object.entries(API))('%s exports these names and no other', (_entry, { file, names }) => {
  expect(exportsOf(file)).toEqual(names.split(/\s+/).sort());
});

test('the ten functions that people meet first have an example', () => {
  const code = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.ts$/.test(file) && !file.includes('generated'))
    .map((file) => readFileSync(`src/${file}`, 'utf8'))
    .join('\n');
  const examples = [...code.matchAll(/^ \* ```ts\n([\s\S]*?)^ \* ```/gm)].map(([, text]) => text!);
  const first = `fineTune resume loadModel predict evaluate inspect findLearningRate sweep exportModel compile`.split(
    ' ',
  );
  expect(first.filter((name) => !examples.some((text) => new RegExp(`import \\{ ${name} \\}`).test(text)))).toEqual([]);
});

const samples = [
  'README.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((file) => `docs/${file}`),
]
  .filter((file) => file.endsWith('.md'))
  .flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^```(?:js|ts)\n(.*?)^```/gms)].map(([, code]) => ({ file, code: code! })),
  );
test.each(samples)('a code sample of $file is TypeScript, and imports names of the API: $code', async ({ code }) => {
  await transform(code, { loader: 'ts', format: 'esm' });
  for (const [, names, entry] of code.matchAll(/import (?:type )?\{([^}]*)\} from '(thaw[\w/]*)'/g)) {
    const exported = exportsOf(API[entry!]!.file);
    const imported = names!.split(',').map((name) => name.trim());
    expect(imported.filter((name) => !exported.includes(name))).toEqual([]);
  }
});
