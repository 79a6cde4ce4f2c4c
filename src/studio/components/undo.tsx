import { useEffect } from 'preact/hooks';
import { plural } from '../../report/format.ts';
import { useStudio } from '../context.ts';
import { titleOf } from '../state/classes.ts';
import type { Removal } from '../state/removals.ts';
import type { Studio } from '../state/studio.ts';
import { focusSoon } from './focus.ts';
import { Icon } from './icon.tsx';

/** The last removal, and a button that takes it back. */
export function Undo() {
  const studio = useStudio();
  const last = studio.collection.removed.value.at(-1);
  useEffect(() => {
    const undo = (event: KeyboardEvent) => {
      const isUndo = event.key === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey;
      // A text field undoes its own typing.
      if (!isUndo || (event.target as Element).matches('input, select') || !studio.collection.removed.value.length)
        return;
      event.preventDefault();
      putBack(studio);
    };
    document.addEventListener('keydown', undo);
    return () => document.removeEventListener('keydown', undo);
  }, [studio]);
  return (
    <div class="undo" role="status">
      {last && (
        <div>
          <p>{inWords(last, studio)}</p>
          <button type="button" class="quiet" onClick={() => putBack(studio)}>
            <Icon name="undo" />
            Undo
          </button>
          <button
            type="button"
            class="bare"
            aria-label="Close this message"
            onClick={() => {
              studio.collection.removed.value = [];
              focusSoon(() => document.querySelector<HTMLElement>('.classes'));
            }}
          >
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  );
}

function inWords(removal: Removal, { collection }: Studio): string {
  if (removal.kind === 'class') {
    const { images } = removal.entry;
    const rest = images.length ? ` and its ${plural(images.length, 'image')}` : '';
    return `Removed “${titleOf(removal.entry) || 'a class without a name'}”${rest}.`;
  }
  const nameOf = (classId: string) => {
    const found = collection.classes.value.find(({ id }) => id === classId);
    return found && titleOf(found);
  };
  const name = nameOf(removal.classId);
  return removal.kind === 'move'
    ? `Moved an image of “${name}” to “${nameOf(removal.to)}”.`
    : `Removed an image of “${name}”.`;
}

/** Moves the focus to the restored class or image. */
function putBack(studio: Studio): void {
  const removal = studio.collection.undo();
  if (!removal) return;
  focusSoon(
    () =>
      (removal.kind !== 'class' && document.querySelector<HTMLElement>(`[data-image="${removal.image.id}"] button`)) ||
      document.querySelector<HTMLElement>(
        `[data-class="${removal.kind === 'class' ? removal.entry.id : removal.classId}"] .remove`,
      ) ||
      document.querySelector<HTMLElement>('.classes'),
  );
}
