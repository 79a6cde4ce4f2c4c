import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { UNKNOWN } from '../../data/index.ts';
import { count } from '../../report/format.ts';
import { useStudio } from '../context.ts';
import { filesOfInput, filesOfTransfer } from '../files/folders.ts';
import { FEW, isNone, withFew } from '../state/classes.ts';
import { ClassList } from './class-list.tsx';
import { useKeptFocus } from './focus.ts';
import { Icon } from './icon.tsx';
import { takeIn, takeInFolders } from './intake.ts';
import { Trouble } from './trouble.tsx';
import { Welcome } from './welcome.tsx';

/** Where the images come from. */
export function ImagesSection() {
  const studio = useStudio();
  const folder = useRef<HTMLInputElement>(null);
  const over = useSignal(false);
  const page = useSignal(0);
  const classes = studio.collection.classes.value;
  // The welcome goes, or changes, once something is chosen.
  const area = useKeptFocus<HTMLElement>('.classes');
  const reading = studio.collection.reading.value;
  const few = withFew(classes).filter(({ images }) => images.length > 0);

  useEffect(() => {
    const paste = async ({ clipboardData, target }: ClipboardEvent) => {
      const files = Array.from(clipboardData?.files ?? []);
      const id =
        (target as Element | null)?.closest?.<HTMLElement>('[data-class]')?.dataset.class ?? studio.collection.target;
      if (files.length && id !== undefined) await takeIn(studio, id, files);
    };
    document.addEventListener('paste', paste);
    return () => document.removeEventListener('paste', paste);
  }, [studio]);

  return (
    <section
      id="images"
      ref={area}
      class={over.value ? 'over' : ''}
      aria-labelledby="images-title"
      onDragOver={(event) => {
        event.preventDefault();
        over.value = true;
      }}
      onDragLeave={() => {
        over.value = false;
      }}
      onDrop={async (event) => {
        event.preventDefault();
        over.value = false;
        if (event.dataTransfer) await takeInFolders(studio, await filesOfTransfer(event.dataTransfer));
      }}
    >
      <h2 id="images-title">
        <span class="number">1</span> Show
      </h2>
      <p class="lead">Images of each thing that it shall tell apart. Ten each are a good start.</p>
      {studio.collection.images.value === 0 && studio.setup.chosen.value !== 'photos' && <Welcome />}
      <ClassList page={page} />
      {reading && (
        <div class="progress">
          <p>
            <strong>Reading images …</strong>
            <span>
              {count(reading.done)} of {count(reading.all)}
            </span>
          </p>
          <progress aria-label="Reading images" value={reading.done} max={reading.all} />
        </div>
      )}
      <Trouble place="images" />
      {few.length > 0 && (
        <p class="hint">
          {few.length === 1 ? `“${few[0].name}” has` : `${count(few.length)} classes have`} fewer than {FEW} images:
          more, and more different ones, make it surer.
        </p>
      )}
      <div class="row">
        <button
          type="button"
          class="secondary"
          onClick={() => {
            studio.collection.addClass();
            // The new one is at the end.
            page.value = Number.POSITIVE_INFINITY;
          }}
        >
          <Icon name="plus" />
          Add a class
        </button>
        {studio.collection.images.value > 0 && !classes.some(isNone) && (
          <button
            type="button"
            class="quiet"
            onClick={() => {
              studio.collection.addClass(UNKNOWN);
              page.value = Number.POSITIVE_INFINITY;
            }}
          >
            <Icon name="plus" />
            None of these
          </button>
        )}
        <button type="button" class="quiet" onClick={() => folder.current?.click()}>
          <Icon name="folder" />
          Folder of classes
        </button>
        <input
          ref={(input) => {
            folder.current = input;
            // Preact knows no property of this name.
            input?.setAttribute('webkitdirectory', '');
          }}
          type="file"
          hidden
          onChange={async ({ currentTarget }) => {
            const placed = filesOfInput(currentTarget);
            currentTarget.value = '';
            await takeInFolders(studio, placed);
          }}
        />
      </div>
    </section>
  );
}
