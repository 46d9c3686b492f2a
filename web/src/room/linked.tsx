const link = /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]])/;

// Linked is text in which web addresses can be followed.
export function Linked({ text }: { text: string }) {
  return text.split(link).map((part, i) =>
    i % 2 === 1 ? <a key={i} href={part} target="_blank" rel="noopener noreferrer">{part}</a> : part);
}
