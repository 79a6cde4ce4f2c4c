import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { drawStrokes, type Point, SIDE, type Stroke } from '../drawing/strokes.ts';
import { Icon } from './icon.tsx';

const WIDTHS = [
  { name: 'Fine', width: 0.018 },
  { name: 'Medium', width: 0.032 },
  { name: 'Broad', width: 0.06 },
] as const;

const INKS = [
  { name: 'Black', colour: '#12242f' },
  { name: 'Blue', colour: '#1f78ad' },
  { name: 'Red', colour: '#c9402a' },
] as const;

/** The canvas has more points than the image, for sharp lines on fine screens. */
const CANVAS = 2 * SIDE;

/** Paper to draw on with a mouse, a finger or a pen. Whoever shows it holds the strokes. */
export interface DrawingPadProps {
  readonly label: string;
  readonly strokes: Signal<readonly Stroke[]>;
  /** What lies over the paper. */
  readonly children?: ComponentChildren;
}

export function DrawingPad({ label, strokes, children }: DrawingPadProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useSignal<number>(WIDTHS[1].width);
  const ink = useSignal<string>(INKS[0].colour);
  const drawn = strokes.value;

  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (context) drawStrokes(context, drawn);
  }, [drawn]);

  const placeOf = ({ clientX, clientY }: PointerEvent): Point => {
    const { left, top, width: across, height } = canvas.current!.getBoundingClientRect();
    return { x: (clientX - left) / across, y: (clientY - top) / height };
  };
  const begin = (event: PointerEvent) => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.current!.setPointerCapture(event.pointerId);
    strokes.value = [...strokes.value, { points: [placeOf(event)], width: width.value, colour: ink.value }];
  };
  const move = (event: PointerEvent) => {
    if (!canvas.current!.hasPointerCapture(event.pointerId)) return;
    const all = strokes.value;
    const last = all[all.length - 1];
    if (!last) return;
    const between = event.getCoalescedEvents?.() ?? [];
    const points = (between.length ? between : [event]).map(placeOf);
    strokes.value = [...all.slice(0, -1), { ...last, points: [...last.points, ...points] }];
  };

  return (
    <div class="pad">
      <div class="paper">
        <canvas
          ref={canvas}
          width={CANVAS}
          height={CANVAS}
          role="img"
          aria-label={`${label}. ${drawn.length ? `${drawn.length} strokes so far.` : 'Empty.'} Drawn with a pointer; a file or a pasted image does as well.`}
          onPointerDown={begin}
          onPointerMove={move}
        />
        {children}
        {drawn.length === 0 && <p class="invitation">Draw here</p>}
      </div>
      <div class="tools">
        <fieldset class="inks">
          <legend class="unseen">Ink</legend>
          {INKS.map(({ name, colour }) => (
            <label key={name} title={name}>
              <input
                type="radio"
                name={`ink of ${label}`}
                aria-label={name}
                checked={ink.value === colour}
                onChange={() => {
                  ink.value = colour;
                }}
              />
              <span class="ink" style={{ '--ink-colour': colour }} />
            </label>
          ))}
        </fieldset>
        <fieldset class="inks">
          <legend class="unseen">Pen</legend>
          {WIDTHS.map((pen) => (
            <label key={pen.name} title={pen.name}>
              <input
                type="radio"
                name={`pen of ${label}`}
                aria-label={pen.name}
                checked={width.value === pen.width}
                onChange={() => {
                  width.value = pen.width;
                }}
              />
              <span class="nib" style={{ '--nib': `${pen.width * 200}px` }} />
            </label>
          ))}
        </fieldset>
        <span class="space" />
        <button
          type="button"
          class="quiet"
          disabled={!drawn.length}
          aria-label="Undo the last stroke"
          onClick={() => {
            strokes.value = strokes.value.slice(0, -1);
          }}
        >
          <Icon name="undo" />
        </button>
        <button
          type="button"
          class="quiet"
          disabled={!drawn.length}
          onClick={() => {
            strokes.value = [];
          }}
        >
          Clear
        </button>
      </div>
    </div>
  );
}
