package api

import (
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// method says how one method is served.
type method struct {
	// contents: it shows what entries say; see the package comment.
	contents bool
	// write: it may record something.
	write bool
	// long: it holds a place among the long reads until it ends.
	long bool
}

// methods is every method that is served, by its full name. What stands not
// here is refused, also if it was registered.
var methods = map[string]method{
	custodyv1.LedgerService_Append_FullMethodName:       {write: true},
	custodyv1.LedgerService_AppendGroup_FullMethodName:  {write: true},
	custodyv1.LedgerService_AppendStream_FullMethodName: {write: true},
	custodyv1.LedgerService_GetReceipt_FullMethodName:   {},
	custodyv1.LedgerService_GetItem_FullMethodName:      {contents: true},
	custodyv1.LedgerService_ItemHistory_FullMethodName:  {contents: true},
	custodyv1.LedgerService_ListItems_FullMethodName:    {contents: true},
	custodyv1.LedgerService_GetParty_FullMethodName:     {contents: true},
	custodyv1.LedgerService_GetBundle_FullMethodName:    {contents: true, long: true},
	custodyv1.LedgerService_GetAbsence_FullMethodName:   {contents: true},
	custodyv1.LedgerService_Watch_FullMethodName:        {contents: true, long: true},
	custodyv1.LedgerService_GetStatus_FullMethodName:    {},

	custodyv1.AuditService_GetTreeHead_FullMethodName:         {},
	custodyv1.AuditService_GetCheckpoint_FullMethodName:       {},
	custodyv1.AuditService_GetPolicy_FullMethodName:           {},
	custodyv1.AuditService_GetPolicyProof_FullMethodName:      {long: true},
	custodyv1.AuditService_Entries_FullMethodName:             {contents: true, long: true},
	custodyv1.AuditService_GetInclusionProof_FullMethodName:   {},
	custodyv1.AuditService_GetConsistencyProof_FullMethodName: {},

	healthv1.Health_Check_FullMethodName: {},
	healthv1.Health_List_FullMethodName:  {},
	healthv1.Health_Watch_FullMethodName: {long: true},

	// Registered only with Config.Reflection.
	reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName: {long: true},
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo":  {long: true},
}
