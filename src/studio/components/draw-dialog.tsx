import { useSignal } from '@preact/signals';
import { useStudio } from '../context.ts';
import { drawingBlob } from '../drawing/blob.ts';
import type { Stroke } from '../drawing/strokes.ts';
import { titleOf } from '../state/classes.ts';
import type { StudioClass } from '../state/types.ts';
import { Dialog } from './dialog.tsx';
import { DrawingPad } from './drawing-pad.tsx';

/** One drawing after the other, into a class. */
export function DrawDialog({ entry, onClose }: { readonly entry: StudioClass; readonly onClose: () => void }) {
  const studio = useStudio();
  const strokes = useSignal<readonly Stroke[]>([]);
  const add = async () => {
    const drawn = strokes.value;
    strokes.value = [];
    studio.collection.addImages(entry.id, [await drawingBlob(drawn)]);
  };
  return (
    <Dialog title={`Draw “${titleOf(entry)}”`} onClose={onClose}>
      <DrawingPad label={`A drawing for ${titleOf(entry)}`} strokes={strokes} />
      <footer>
        <button type="button" class="primary" disabled={!strokes.value.length} onClick={add}>
          Add it
        </button>
        <p aria-live="polite">
          {entry.images.length === 1 ? '1 image' : `${entry.images.length} images`} so far. Draw the next one a little
          differently.
        </p>
      </footer>
    </Dialog>
  );
}
