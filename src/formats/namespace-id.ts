import { type ActorId, decodeActorId, encodeActorId, parseActorId } from "./actor-id.ts";
import { assertFormatError, FormatError } from "./format-error.ts";
import { UUID_BYTES } from "./uuid.ts";

declare const brand: unique symbol;
/** The text of a namespace's id: of the same form as an actor's (FORMATS §1), and of the same 19 bytes. */
export type NamespaceId = string & { readonly [brand]: "NamespaceId" };

/** @throws FormatError `namespace_id_invalid` with a sentence that says what is wrong. */
export function parseNamespaceId(text: string): NamespaceId {
  return asNamespaceError(() => parseActorId(text)) as string as NamespaceId;
}

/** The 19 bytes of an id, as the actor's NAMESPACE_ID row holds them. DEPOT §7.2. */
export function encodeNamespaceId(id: NamespaceId): Uint8Array {
  return encodeActorId(id as string as ActorId);
}

/** @throws FormatError `namespace_id_invalid` for another length or version. */
export function decodeNamespaceId(bytes: Uint8Array): NamespaceId {
  return asNamespaceError(() => decodeActorId(bytes)) as string as NamespaceId;
}

/** The bucket of a namespace: the uuid in its id; version and label are dropped. DEPOT §2.3. */
export function bucketOfNamespace(id: NamespaceId): Uint8Array {
  return encodeNamespaceId(id).slice(1, 1 + UUID_BYTES);
}

function asNamespaceError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    assertFormatError(error);
    throw new FormatError(
      "namespace_id_invalid",
      error.message.replace("An actor id", "A namespace id"),
      error.details,
      error,
    );
  }
}
