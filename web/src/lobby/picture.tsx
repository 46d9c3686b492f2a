// Picture is the landing page's drawing: a meeting of four, one of whom speaks.
const seats = [
  { x: 16, y: 16, hue: 168 },
  { x: 216, y: 16, hue: 36, speaks: true },
  { x: 16, y: 136, hue: 262 },
  { x: 216, y: 136, hue: 12 },
];

export function Picture() {
  return (
    <svg className="picture" viewBox="0 0 416 300" aria-hidden="true">
      {seats.map(({ x, y, hue, speaks }) => (
        <g key={hue} transform={`translate(${x} ${y})`}>
          <rect className={speaks ? 'seat speaks' : 'seat'} width="184" height="108" rx="14" />
          <circle cx="92" cy="44" r="19" fill={`oklch(0.72 0.09 ${hue})`} />
          <path d="M54 96c2-20 17-29 38-29s36 9 38 29z" fill={`oklch(0.62 0.09 ${hue})`} />
        </g>
      ))}
      <rect className="bar" x="118" y="262" width="180" height="34" rx="17" />
      {[142, 174, 206, 238].map((x) => <circle key={x} className="dot" cx={x} cy="279" r="8" />)}
      <circle className="dot end" cx="274" cy="279" r="8" />
    </svg>
  );
}
