/** A project as files: `project.json`, `model.onnx`, `images/N`, and the checkpoints `last` and `best`. */
import { ThawError } from '../errors.ts';
import type { ImageHandle, LabelledSample, OpenRequest } from './protocol.ts';
import type { ProjectStore } from './store.ts';

interface ProjectFile {
  readonly request: Omit<OpenRequest, 'model' | 'samples'>;
  /** The images without a path are files of the project. */
  readonly samples: readonly (Omit<LabelledSample, 'image'> & { readonly path?: string })[];
}

/** Keeps a request, so that it can be opened again. Checkpoints of an earlier project by this name are removed. */
export async function keepProject(store: ProjectStore, project: string, request: OpenRequest): Promise<void> {
  const { model, samples, ...rest } = request;
  await store.remove(project);
  await store.write(project, 'model.onnx', model);
  const entries: ProjectFile['samples'][number][] = [];
  for (const [i, { image, ...labelled }] of samples.entries()) {
    if (image instanceof Blob || image instanceof Uint8Array) await store.write(project, imageFile(i), image);
    // `path` last: a page might send one of its own, which nobody checked.
    entries.push({ ...labelled, path: typeof image === 'string' ? image : undefined });
  }
  const file: ProjectFile = { request: rest, samples: entries };
  // Written last: a project without it was never whole.
  await store.write(project, 'project.json', new TextEncoder().encode(JSON.stringify(file)));
}

const imageFile = (sample: number): string => `images/${sample}`;

/** @throws ThawError `not-found` if there is no such project, or it is not whole */
export async function keptProject(store: ProjectStore, project: string) {
  const missing = () => new ThawError('not-found', `there is no project "${project}"`, 'Open it anew');
  const json = await store.read(project, 'project.json');
  const model = await store.read(project, 'model.onnx');
  if (!json || !model) throw missing();
  const { request, samples } = JSON.parse(await json.text()) as ProjectFile;
  const restored = await Promise.all(
    samples.map(async ({ path, ...labelled }, i) => {
      if (labelled.text !== undefined) return labelled;
      const image: ImageHandle | undefined = path ?? (await store.read(project, imageFile(i)));
      if (image === undefined) throw missing();
      return { ...labelled, image };
    }),
  );
  return {
    // Its fields are those that were kept.
    request: {
      ...request,
      model: new Uint8Array(await model.arrayBuffer()),
      samples: restored,
    } as unknown as OpenRequest,
    last: await store.read(project, 'last.safetensors'),
    best: await store.read(project, 'best.safetensors'),
  };
}
