/** A project as files: `project.json`, `model.onnx`, `images/N`, and the checkpoints `last` and `best`. */
import { ThawError } from '../errors.ts';
import type { ImageHandle, LabelledImage, OpenRequest } from './protocol.ts';
import type { ProjectStore } from './store.ts';

interface ProjectFile {
  readonly request: Omit<OpenRequest, 'model' | 'images'>;
  /** Images that are paths stay where they are. */
  readonly images: readonly (Omit<LabelledImage, 'image'> & { readonly path?: string })[];
}

/** Keeps what a training needs to be opened again; checkpoints of an earlier one by this name are gone. */
export async function keepProject(store: ProjectStore, project: string, request: OpenRequest): Promise<void> {
  const { model, images, ...rest } = request;
  await store.remove(project);
  await store.write(project, 'model.onnx', model);
  const entries: ProjectFile['images'][number][] = [];
  for (const [i, { image, ...labelled }] of images.entries()) {
    if (typeof image === 'string') entries.push({ ...labelled, path: image });
    else {
      await store.write(project, `images/${i}`, image);
      entries.push(labelled);
    }
  }
  const file: ProjectFile = { request: rest, images: entries };
  // Written last: a project without it was never whole.
  await store.write(project, 'project.json', new TextEncoder().encode(JSON.stringify(file)));
}

/** @throws ThawError `not-found` where no such project is whole */
export async function keptProject(store: ProjectStore, project: string) {
  const missing = () => new ThawError('not-found', `there is no project "${project}"`, 'Open it anew');
  const json = await store.read(project, 'project.json');
  const model = await store.read(project, 'model.onnx');
  if (!json || !model) throw missing();
  const { request, images } = JSON.parse(await json.text()) as ProjectFile;
  const restored = await Promise.all(
    images.map(async ({ path, ...labelled }, i) => {
      const image: ImageHandle | undefined = path ?? (await store.read(project, `images/${i}`));
      if (image === undefined) throw missing();
      return { ...labelled, image };
    }),
  );
  return {
    request: { ...request, model: new Uint8Array(await model.arrayBuffer()), images: restored } as OpenRequest,
    last: await store.read(project, 'last.safetensors'),
    best: await store.read(project, 'best.safetensors'),
  };
}
