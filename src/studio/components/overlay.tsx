import { useLayoutEffect, useRef } from 'preact/hooks';

/** A map over the image that is tried, which the element around it shows in the same place. */
export function Overlay({ pixels }: { readonly pixels: ImageData }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    canvas.current!.getContext('2d')!.putImageData(pixels, 0, 0);
  }, [pixels]);
  return <canvas class="overlay" ref={canvas} width={pixels.width} height={pixels.height} />;
}
