// Which scenarios run in Chromium again, by their file: at least one for each thing that a browser does differently from
// Node (storage, calls across origins, uploads, downloads, sockets), and the daily use of every kind of conversation.

export const BROWSER_LIST = {
  account: [
    'registers, logs in by password and is connected',
    'logs in by token',
    'a wrong password and an unknown user are told apart',
    'a forged token is refused for good',
  ],
  messages: [
    'text goes in both directions',
    'what was sent to an absent user waits for him, in order',
    'what was acknowledged does not come again after a reconnect',
    'an unknown recipient is refused by name',
    'delivery and read receipts reach the author',
  ],
  groups: [
    'a group is created, found and written to on every device, once',
    'mutes and the allow list hold and are told',
    'a message is taken back, acknowledged and directed',
    'members share files, read them and take them away',
  ],
  rooms: [
    'a room is made by a user, and those in it hear who comes, what is said and who goes',
    'attributes of a room are shared, belong to who set them, and go when he leaves',
  ],
  files: [
    'a picture arrives with its bytes and a thumbnail',
    'what may not be read, or is not there, has its own error',
    'a file that is too large is refused as such, and the app goes on',
    'a file above 7.5 MiB goes in parts',
    'a combined message is uploaded and read again',
  ],
  history: ['history comes in pages, newest or oldest first'],
  devices: [
    'the sender’s other device gets a copy, the sending one does not',
    'in single mode a new login displaces the old one, which is told why',
  ],
  recovery: ['a killed server loses nothing that it acknowledged', 'a drained server hands its clients over to its successor'],
};
