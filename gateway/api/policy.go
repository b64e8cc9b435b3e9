package api

// Validate says what a policy holds; what is wrong with it stands in the header's diagnostics.
type Validate struct {
	Header

	Site      string `json:"site"`
	Digest    string `json:"digest"`
	Segments  int    `json:"segments"`
	Cameras   int    `json:"cameras"`
	Recorders int    `json:"recorders"`
	Hosts     int    `json:"hosts"`
	Allows    int    `json:"allows"`
}

// Format says which files are not in the canonical format.
type Format struct {
	Header

	Files []FormattedFile `json:"files"`
}

// FormattedFile is one file of a policy and its canonical text.
type FormattedFile struct {
	File string `json:"file"`
	// Changed says that the file's own text is another one; Written that the canonical one took its place.
	Changed bool   `json:"changed"`
	Written bool   `json:"written"`
	Text    string `json:"text"`
}

// Render is the packet filter of a policy in nft's syntax.
type Render struct {
	Header

	Digest string `json:"digest"`
	NFT    string `json:"nft"`
}
