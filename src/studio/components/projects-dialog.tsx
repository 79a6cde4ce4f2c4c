import { useSignal } from '@preact/signals';
import { fileNameOf } from '../../file-names.ts';
import { plural } from '../../report/format.ts';
import { useStudio } from '../context.ts';
import { readProject, writeProject } from '../files/project-file.ts';
import { saveFile } from '../files/save.ts';
import type { ProjectEntry } from '../state/projects.ts';
import { Dialog } from './dialog.tsx';
import { useFilesInput } from './files-input.tsx';
import { useKeptFocus } from './focus.ts';
import { Icon } from './icon.tsx';
import { readGroups } from './intake.ts';
import { Trouble } from './trouble.tsx';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** The projects of this browser: open, make, save, load and delete them. */
export function ProjectsDialog({ onClose }: { readonly onClose: () => void }) {
  const studio = useStudio();
  const { projects, board } = studio;
  const busy = useSignal(false);
  const area = useKeptFocus<HTMLDivElement>();
  const current = projects.current.value;

  /** One thing at a time; its error is shown here. */
  const run = async (task: () => Promise<void>) => {
    if (busy.value) return;
    busy.value = true;
    board.clear('projects');
    try {
      await task();
    } catch (error) {
      board.fail('projects', error);
    } finally {
      busy.value = false;
    }
  };
  const load = async (file: File) => {
    const { classes, ...project } = await readProject(file);
    const read = await readGroups(
      studio,
      classes.map((one) => one.files),
    );
    await studio.addContents({ ...project, classes: classes.map(({ name }, i) => ({ name, images: read[i].images })) });
    const refused = read.reduce((sum, one) => sum + one.refused.length, 0);
    if (refused)
      board.show('projects', {
        message: `${plural(refused, 'image')} of the file cannot be read.`,
        hint: 'The others are here.',
      });
  };
  const files = useFilesInput({ accept: '.zip' }, async ([file]) => file && run(() => load(file)));
  const remove = ({ id, name, images }: ProjectEntry) => {
    const question = `Delete “${name}” with ${plural(images, 'image')} and what it has learned? This cannot be undone.`;
    if (confirm(question)) void run(() => studio.deleteProject(id));
  };
  const removeAll = () => {
    const question =
      'Delete all projects, what they have learned, and the models in this browser? This cannot be undone.';
    if (confirm(question)) void run(() => studio.deleteAll());
  };
  return (
    <Dialog title="Projects" onClose={onClose}>
      <div class="projects" ref={area} tabIndex={-1}>
        <label>
          <span>Name of this project</span>
          <input
            value={current.name}
            maxLength={60}
            onInput={({ currentTarget }) => studio.renameProject(currentTarget.value)}
          />
        </label>
        <ul aria-label="Projects in this browser">
          {projects.entries.value.map((entry) => (
            <li key={entry.id}>
              <p>
                <strong>{entry.name.trim() || 'Without a name'}</strong>
                <small>
                  {entry.id === current.id ? 'open, ' : ''}
                  {plural(entry.images, 'image')}, {DAY.format(entry.changed)}
                </small>
              </p>
              {entry.id !== current.id && (
                <button type="button" class="secondary" onClick={() => run(() => studio.open(entry.id))}>
                  Open<span class="unseen"> {entry.name}</span>
                </button>
              )}
              <button type="button" class="bare" aria-label={`Delete ${entry.name}`} onClick={() => remove(entry)}>
                <Icon name="bin" />
              </button>
            </li>
          ))}
        </ul>
        <Trouble place="projects" />
        <div class="row">
          <button type="button" class="secondary" onClick={() => run(() => studio.addProject())}>
            <Icon name="plus" />
            New project
          </button>
          <button
            type="button"
            class="secondary"
            onClick={() =>
              run(async () => saveFile(await writeProject(studio), `${fileNameOf(current.name) || 'project'}.thaw.zip`))
            }
          >
            <Icon name="download" />
            Save as a file
          </button>
          <button type="button" class="secondary" onClick={files.ask}>
            <Icon name="folder" />
            Load a file
          </button>
        </div>
        <p class="hint">
          A file has the images, their classes, the settings and your own model. What it has learned is not in it: take
          the model with you for that.
        </p>
        <button type="button" class="quiet" onClick={removeAll}>
          <Icon name="bin" />
          Delete everything
        </button>
        {files.input}
      </div>
    </Dialog>
  );
}
