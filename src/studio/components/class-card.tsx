import { useSignal } from '@preact/signals';
import { hasLiveCamera } from '../camera/camera.ts';
import { useStudio } from '../context.ts';
import { filesOfTransfer } from '../files/folders.ts';
import { isNone, titleOf } from '../state/classes.ts';
import type { StudioClass } from '../state/types.ts';
import { CameraDialog } from './camera-dialog.tsx';
import { tintOf } from './colours.ts';
import { DrawDialog } from './draw-dialog.tsx';
import { useFilesInput } from './files-input.tsx';
import { focusSoon } from './focus.ts';
import { Icon } from './icon.tsx';
import { takeIn } from './intake.ts';
import { Thumbnails } from './thumbnails.tsx';
import { Trouble } from './trouble.tsx';

/** One thing to tell from the others: its name and its images. */
export function ClassCard({ entry, index }: { readonly entry: StudioClass; readonly index: number }) {
  const studio = useStudio();
  const dialog = useSignal<'camera' | 'draw' | undefined>(undefined);
  const over = useSignal(false);
  const { id, name, images } = entry;
  const none = isNone(entry);
  const shownName = titleOf(entry) || `class ${index + 1}`;

  const take = (files: readonly File[]) => takeIn(studio, id, files);
  const files = useFilesInput({ accept: 'image/*', multiple: true }, take);
  const photo = useFilesInput({ accept: 'image/*', capture: true }, take);
  const isLive = hasLiveCamera();

  const close = () => {
    dialog.value = undefined;
  };
  const remove = ({ currentTarget }: Event) => {
    const list = (currentTarget as Element).closest('.classes');
    const buttons = () => [...(list?.querySelectorAll<HTMLElement>('.remove') ?? [])];
    const place = buttons().indexOf(currentTarget as HTMLElement);
    studio.collection.removeClass(id);
    focusSoon(() => buttons().at(Math.min(place, buttons().length - 1)) ?? (list as HTMLElement));
  };
  return (
    <article
      class={`class ${none ? 'none' : ''} ${over.value ? 'over' : ''}`}
      style={tintOf(index)}
      data-class={id}
      aria-label={`${shownName}, ${images.length} images`}
      onDragOver={(event) => {
        event.preventDefault();
        event.stopPropagation();
        over.value = true;
      }}
      onDragLeave={() => {
        over.value = false;
      }}
      onDrop={async (event) => {
        event.preventDefault();
        event.stopPropagation();
        over.value = false;
        const placed = event.dataTransfer ? await filesOfTransfer(event.dataTransfer) : [];
        await take(placed.map(({ file }) => file));
      }}
    >
      <header>
        <span class="tint" aria-hidden="true" />
        {none ? (
          <h3 class="name">{shownName}</h3>
        ) : (
          <input
            class="name"
            value={name}
            maxLength={60}
            spellcheck={false}
            aria-label={`Name of class ${index + 1}`}
            onInput={({ currentTarget }) => studio.collection.rename(id, currentTarget.value)}
            onFocus={({ currentTarget }) => /^Class \d+$/.test(currentTarget.value) && currentTarget.select()}
          />
        )}
        <span class="count">{images.length || ''}</span>
        <button type="button" class="bare remove" aria-label={`Remove class ${shownName}`} onClick={remove}>
          <Icon name="close" />
        </button>
      </header>
      <div class="ways">
        <button
          type="button"
          onClick={() => {
            if (isLive) dialog.value = 'camera';
            else photo.ask();
          }}
        >
          <Icon name="camera" />
          Camera
        </button>
        <button
          type="button"
          onClick={() => {
            dialog.value = 'draw';
          }}
        >
          <Icon name="pen" />
          Draw
        </button>
        <button type="button" onClick={files.ask}>
          <Icon name="file" />
          Files
        </button>
        {files.input}
        {!isLive && photo.input}
      </div>
      {none && (
        <p class="hint">
          Examples of other things. It does not learn from them: they measure how well it recognizes what it does not
          know.
        </p>
      )}
      {images.length === 0 && <p class="hint dropping">or drop images here, or paste them</p>}
      <Thumbnails entry={entry} />
      <Trouble place={`class:${id}`} />
      {dialog.value === 'camera' && <CameraDialog entry={entry} onClose={close} />}
      {dialog.value === 'draw' && <DrawDialog entry={entry} onClose={close} />}
    </article>
  );
}
