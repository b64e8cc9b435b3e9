// Package catalog holds built-in facts about cameras and their networks as data files: today the services that a policy may name
// without declaring them.
package catalog
