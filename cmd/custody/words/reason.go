package words

import (
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
)

// Sentence says in one sentence what a reason means for the person who sent
// the event and what to do. It is empty for a reason that this program does
// not know.
func Sentence(reason ledger.Reason) string { return sentences[reason] }

var sentences = map[ledger.Reason]string{
	// Form.
	ledger.Malformed:        "The bytes that were sent are not a signed event: they are damaged or cut short, so sign and send again.",
	ledger.UnknownField:     "The event holds a field that this ledger's rules do not have; use a version of this program that fits the ledger.",
	ledger.RepeatedField:    "Something that may stand once stands twice in the event; leave one of them out.",
	ledger.NonCanonical:     "The event says a value in a second way of writing it, which no ledger accepts; sign it with this program.",
	ledger.MissingField:     "Something that the event must say is missing; add it and sign again.",
	ledger.InvalidField:     "A value in the event is outside its range; correct it and sign again.",
	ledger.UnknownEventType: "This ledger's rules do not have that kind of event; use a version of this program that fits the ledger.",
	ledger.TooLarge:         "The event is larger than the ledger permits; say less in it, or split it up.",
	ledger.OpeningMismatch:  "A private value that came along is not the one the event commits to; send the value and salt that were signed.",

	// Signature.
	ledger.WrongLedger:         "The event is signed for another ledger; use the genesis file of this one and sign again.",
	ledger.BadSignature:        "The signature does not fit the event: it was changed after signing, or another key signed it.",
	ledger.BadKey:              "The new key is not fit to be registered; make one with 'custody key new'.",
	ledger.UnknownKey:          "The key that signed is on no register of this ledger; have it admitted or added first.",
	ledger.ForeignKey:          "The key that signed belongs to another party, which cannot act for this one.",
	ledger.KeyRevoked:          "The key that signed has been revoked; sign with one of the party's other keys.",
	ledger.MissingScope:        "The key that signed may not do this; use a key that has the scope, or have one added.",
	ledger.WrongSigners:        "Too few or too many keys signed; the party's key signs, and every new key that the event brings in.",
	ledger.KeyInUse:            "The new key is on the ledger already; a key belongs to one party and is added once, so make a new one.",
	ledger.LastAdministerKey:   "This is the last key that can administer the party; add another one first.",
	ledger.UnknownParty:        "That party is not on this ledger; check the party id, or have an association admit it.",
	ledger.PartySuspended:      "The party is suspended by all its associations; it may return what it does not own, decline and withdraw, and nothing else.",
	ledger.NotAssociation:      "Only an association of this ledger may do this; sign with its governance key.",
	ledger.NotSponsor:          "Your association does not sponsor that party now, so there is nothing to suspend.",
	ledger.AlreadySponsor:      "Your association sponsors that party already; there is nothing to change.",
	ledger.AssociationExcluded: "Associations admit and suspend; they neither hold nor trade goods, and their keys stand in the genesis.",
	ledger.MissingLegalName:    "The admission does not commit to the party's legal name; make the request with 'custody party request'.",
	ledger.UnknownRevokedKey:   "The key to revoke is not a key of this party; 'custody party show' lists its keys.",
	ledger.KeyRevokedAlready:   "That key has been revoked before; there is nothing to change.",

	// Time.
	ledger.EventExpired:    "The event came too late: it was to be recorded by an earlier time; nothing was recorded, so sign it again if it still holds.",
	ledger.NotAfterTooFar:  "The event asks to be valid for more than 90 days; sign it with a shorter term.",
	ledger.OccurredAhead:   "The event says that it happens in the future; check the clock of this computer.",
	ledger.ExpiryInvalid:   "The offer must end later than now and within a year; choose another --expires.",
	ledger.MemoTermInvalid: "A memo, and nothing else, says when it ends, within five years; give --until with --mode memo only.",

	// Items and movement.
	ledger.UnknownItem:        "That item is not on this ledger; check the item id.",
	ledger.ItemVoided:         "The registration of that item was taken back; nothing can be done with it any more.",
	ledger.StalePrev:          "Something happened to the item after you last looked; look at it again with 'custody show' and decide anew.",
	ledger.ReferenceTaken:     "You have registered these goods already, under the same stock number or line of the same file.",
	ledger.MassMismatch:       "The parts of the origin do not add up to the mass of the item; correct one of them.",
	ledger.NatureMismatch:     "Nature, material and origin contradict each other; state only what fits together.",
	ledger.CountInvalid:       "A single stone has no count, and a counted parcel has two pieces or more.",
	ledger.DescriptionInvalid: "The description does not fit the material: a gem names its species, a diamond does not.",
	ledger.CountryInvalid:     "A country is missing, does not belong there, or is no ISO 3166-1 code of two letters such as BW.",
	ledger.NotHolder:          "You do not hold this item, so you cannot send it on.",
	ledger.NotOwner:           "You do not own this item; goods you have on memo are returned, or bought first.",
	ledger.OwnGoods:           "You own and hold this item yourself; use --mode sale or memo.",
	ledger.ReceiverNotOwner:   "A return goes to the owner of the item; send it to that party.",
	ledger.ReceiverNotHolder:  "Goods on memo are sold to the party that holds them; send the memo-to-sale to that party.",
	ledger.SelfTransfer:       "Sender and receiver are the same party; send to another one.",
	ledger.OfferOpen:          "The item has been sent already and the answer is open; withdraw that first, or wait for its answer.",
	ledger.UnknownOffer:       "Nothing like that is open on the item any more; look at it again with 'custody show'.",
	ledger.NotOffered:         "The item was sent to another party; only that party can receive or decline it.",
	ledger.NotOfferer:         "Another party sent the item; only that party can withdraw it.",
	ledger.OfferExpired:       "The time for an answer is over; ask the sender to send the item again.",
	ledger.OfferDeclined:      "The item was declined before; the sender has to send it again.",
	ledger.GoodsLeftInvalid:   "The receiver of a memo-to-sale has the goods already; leave out --goods-left.",
	ledger.NotRegistrant:      "Another party registered the item; only that party can take the registration back.",
	ledger.AlreadyOffered:     "The item was sent or released before; its registration can no longer be taken back.",
	ledger.ItemOutside:        "The item is with somebody outside the ledger; the party that released it has to bring it back with 'custody reenter'.",
	ledger.ItemNotOutside:     "The item is not outside the ledger; there is nothing to bring back.",
	ledger.NotReleaser:        "Another party released the item; only that party can bring it back.",

	// Policy.
	ledger.PolicyStale:     "The proposal is based on a policy that is not in force; look at the one that is and propose anew.",
	ledger.PolicyPending:   "A new policy is adopted and comes into force with the next final checkpoint; propose again after that.",
	ledger.PolicyUnchanged: "The policy in force says the same already; there is nothing to change.",
	ledger.QuorumInvalid:   "A quorum is more than half of the nodes, and at most all of them.",
	ledger.UnknownNode:     "Your association has no such node in the policy; it replaces the keys of its own node only.",
	ledger.NoNode:          "Your association has no node in the policy, so it neither proposes nor approves one.",
	ledger.UnknownProposal: "No such proposal is open: it was replaced, or another policy was adopted.",
	ledger.AlreadyApproved: "Your association has approved that proposal already; there is nothing to change.",
	ledger.HandoverInvalid: "The checkpoint does not bring an adopted policy into force.",

	// Groups.
	ledger.GroupIncomplete: "Events that stand together must be sent together, all of them and in order; nothing was recorded.",
	ledger.GroupMixed:      "Some events of the group are recorded already; sign the others as a new group.",
	ledger.GroupTooLarge:   "The events that stand together are too many for one entry; make smaller groups.",

	// Nodes.
	client.ReasonNoLeader:         "The nodes have no leader at the moment; nothing was recorded, so try again in a few seconds.",
	client.ReasonOutcomeUnknown:   "It is not known whether the event was recorded; ask with 'custody receipt', or send the same event again.",
	client.ReasonOverloaded:       "The node has too much to do; nothing was recorded, so try again in a few seconds.",
	client.ReasonCatchingUp:       "The node is still fetching entries it missed; try again later, or ask another node.",
	client.ReasonStopping:         "The node is shutting down; ask another node.",
	client.ReasonReadsClosed:      "The node shows contents to its own machine only; ask there, or have its operator set open_reads.",
	client.ReasonNotFound:         "The ledger does not have what was asked for; check the id.",
	client.ReasonOutOfRange:       "The ledger does not reach that far; ask for less.",
	client.ReasonInvalidArgument:  "The request says something that the node cannot understand; check what you typed.",
	client.ReasonPageTokenInvalid: "The list cannot be continued from there; begin it anew.",
	client.ReasonDeadline:         "The node did not answer in time; whether something was recorded is not known, and sending the same event again is safe.",
	client.ReasonDataFault:        "The node found its own data damaged; ask another node and tell its operator.",
	client.ReasonNodeFault:        "The node met a fault of its own; ask another node and tell its operator.",
	client.ReasonMethodClosed:     "The node does not offer this to you; ask another node, or its operator.",
	client.ReasonNotTried:         "What was sent before it in the same load has no outcome yet, so it was not tried; send it again.",
	client.ReasonNotFinal:         "It is recorded, and the associations have not made it final yet; try again in a moment.",
	client.ReasonMovedOn:          "The ledger went on while the associations stated it; try again.",
	client.ReasonItemMoved:        "Something happened on the item that is not final yet; try again in a moment.",
	client.ReasonNoQuorum:         "Too few associations stated the same now; try again, and if it stays so tell an operator.",
	client.ReasonNotSigning:       "That node makes no statements now; ask another node.",
	client.ReasonRecorded:         "The event is on the ledger; 'custody receipt' shows where.",
	client.ReasonTooEarly:         "The ledger's final time is not past that one yet; try again later.",
	client.ReasonSlowReader:       "This program took the answers too slowly and the node hung up; try again.",
	client.ReasonIdle:             "The node hung up because nothing was sent for too long; try again.",
}
