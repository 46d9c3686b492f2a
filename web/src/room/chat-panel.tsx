import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from 'react';
import { bytesOf, maxBytes, type Message } from '../meeting/chat';
import type { Meeting } from '../meeting/meeting';
import { useObservable } from '../observable';
import { Icon } from '../parts/icon';
import { Linked } from './linked';
import { Panel } from './panel';

const near = 80; // px: who is this close to the end follows along
const together = 2 * 60_000; // ms: messages of one person closer than this share a heading
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export function ChatPanel({ meeting, close }: { meeting: Meeting; close: () => void }) {
  const { messages } = useObservable(meeting.chat);
  const list = useRef<HTMLDivElement>(null);
  const follows = useRef(true);

  useEffect(() => {
    meeting.chat.setOpen(true);
    return () => meeting.chat.setOpen(false);
  }, [meeting]);
  useEffect(() => {
    if (follows.current) list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [messages]);

  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = list.current!;
    follows.current = scrollHeight - scrollTop - clientHeight < near;
  };
  return (
    <Panel title="Chat" close={close}>
      <div className="messages" ref={list} onScroll={scrolled} role="log" aria-label="Messages" tabIndex={0}>
        {messages.length === 0 && <p className="none">Everyone here sees what is written, and so does who joins within five minutes. It is kept nowhere.</p>}
        <ol>{messages.map((message, i) => <Line key={message.id} message={message} before={messages[i - 1]} />)}</ol>
      </div>
      <Composer send={(text) => meeting.chat.send(text)} />
    </Panel>
  );
}

function Line({ message, before }: { message: Message; before: Message | undefined }) {
  const continues = before && before.from === message.from && message.at - before.at < together;
  return (
    <li className={message.mine ? 'message mine' : 'message'} data-testid="message">
      {!continues && (
        <p className="heading">
          <strong>{message.mine ? 'You' : message.name}</strong>
          <time dateTime={new Date(message.at).toISOString()}>{clock.format(message.at)}</time>
        </p>
      )}
      <p className="text"><Linked text={message.text} /></p>
      {message.failed && <p className="failed">Not delivered</p>}
    </li>
  );
}

function Composer({ send }: { send: (text: string) => void }) {
  const [text, setText] = useState('');
  const bytes = bytesOf(text.trim());
  const ready = bytes > 0 && bytes <= maxBytes;

  const submit = (event: FormEvent | KeyboardEvent) => {
    event.preventDefault();
    if (!ready) return;
    send(text.trim());
    setText('');
  };
  const pressed = (event: KeyboardEvent) => {
    // A composing input method uses Enter to accept its suggestion.
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) submit(event);
  };
  return (
    <form className="composer" onSubmit={submit}>
      <textarea rows={2} value={text} aria-label="Message to everyone" placeholder="Message to everyone"
        onChange={(e) => setText(e.target.value)} onKeyDown={pressed} />
      <button className="round accent small" type="submit" aria-label="Send" disabled={!ready}><Icon name="send" /></button>
      {bytes > maxBytes * 0.75 && (
        <p className={bytes > maxBytes ? 'limit over' : 'limit'} role="status">
          {bytes > maxBytes ? `Too long to send: ${bytes} of ${maxBytes} bytes` : `${bytes} of ${maxBytes} bytes`}
        </p>
      )}
    </form>
  );
}
