/** A project as files: `project.json`, `model.onnx`, `pictures/N`, and the checkpoints `last` and `best`. */
import { ThawError } from '../errors.ts';
import type { LabelledPicture, OpenRequest, PictureHandle } from './protocol.ts';
import type { ProjectStore } from './store.ts';

interface ProjectFile {
  readonly request: Omit<OpenRequest, 'model' | 'pictures'>;
  /** Pictures that are paths stay where they are. */
  readonly pictures: readonly (Omit<LabelledPicture, 'picture'> & { readonly path?: string })[];
}

/** Keeps what a training needs to be opened again; checkpoints of an earlier one by this name are gone. */
export async function keepProject(store: ProjectStore, project: string, request: OpenRequest): Promise<void> {
  const { model, pictures, ...rest } = request;
  await store.remove(project);
  await store.write(project, 'model.onnx', model);
  const entries: ProjectFile['pictures'][number][] = [];
  for (const [i, { picture, ...labelled }] of pictures.entries()) {
    if (typeof picture === 'string') entries.push({ ...labelled, path: picture });
    else {
      await store.write(project, `pictures/${i}`, picture);
      entries.push(labelled);
    }
  }
  const file: ProjectFile = { request: rest, pictures: entries };
  // Written last: a project without it was never whole.
  await store.write(project, 'project.json', new TextEncoder().encode(JSON.stringify(file)));
}

/** @throws ThawError `not-found` where no such project is whole */
export async function keptProject(store: ProjectStore, project: string) {
  const missing = () => new ThawError('not-found', `there is no project "${project}"`, 'Open it anew');
  const json = await store.read(project, 'project.json');
  const model = await store.read(project, 'model.onnx');
  if (!json || !model) throw missing();
  const { request, pictures } = JSON.parse(await json.text()) as ProjectFile;
  const restored = await Promise.all(
    pictures.map(async ({ path, ...labelled }, i) => {
      const picture: PictureHandle | undefined = path ?? (await store.read(project, `pictures/${i}`));
      if (picture === undefined) throw missing();
      return { ...labelled, picture };
    }),
  );
  return {
    request: { ...request, model: new Uint8Array(await model.arrayBuffer()), pictures: restored } as OpenRequest,
    last: await store.read(project, 'last.safetensors'),
    best: await store.read(project, 'best.safetensors'),
  };
}
